// The address of the page names the step and the selected node: `#step=12&node=7`.

import type { NodeId, StepNumber } from "../data.js";
import type { State } from "./state.js";

/** The state that the address names. */
export function fromAddress(last: StepNumber): Partial<State> {
  const given = new URLSearchParams(location.hash.slice(1));
  const number = (key: string): number | undefined => {
    const value = given.get(key);
    return value !== null && /^\d+$/.test(value) ? Number(value) : undefined;
  };
  const [step, selected] = [number("step"), number("node")];
  return {
    ...(step === undefined ? {} : { step: Math.min(last, step) }),
    ...(selected === undefined ? {} : { selected: selected as NodeId }),
  };
}

export function toAddress({ step, selected }: State): void {
  const text = `#step=${step}${selected === undefined ? "" : `&node=${selected}`}`;
  try {
    history.replaceState(undefined, "", text);
  } catch {
    // Some browsers refuse it too often in a row; the address is a convenience.
  }
}
