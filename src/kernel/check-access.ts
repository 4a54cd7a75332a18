// Accesses of a kernel that runs under the checker, with what is found said in words.

import { bug } from "#diagnostic/diagnostic.js";
import type { Toucher, WatchedMemory } from "./check-memory.js";
import type { Kernel, Parameter } from "./ir.js";

/** Where a kernel runs under the checker. */
export interface Surroundings {
  readonly lanes: number;
  readonly arena: WatchedMemory;
  readonly scratch: WatchedMemory;
  readonly weights: Float32Array;
  readonly table: readonly number[];
  /** Base of each parameter in its space. */
  readonly bases: ReadonlyMap<string, number>;
  readonly say: (finding: string) => void;
  /** Arena elements that hold something; of a whole program only. */
  readonly filled?: Uint8Array;
}

/** An access that the checker watches, with its findings phrased for people. */
export function watch(
  kernel: Kernel,
  around: Surroundings,
  who: Toucher,
): {
  readonly load: (parameter: Parameter | undefined, address: number, count: number) => number[];
  readonly store: (parameter: Parameter | undefined, address: number, values: readonly number[]) => void;
} {
  const { lanes, scratch, arena, bases } = around;
  const say = (text: string) => around.say(`${kernel.name}: ${text}`);
  const nameOf = (parameter: Parameter | undefined) => parameter?.name ?? "scratch";

  /** Whether the access is inside; says so if it is not. */
  function inside(parameter: Parameter | undefined, address: number, count: number, verb: string): boolean {
    const extent = parameter?.extent ?? kernel.scratch;
    if (count > 1 && address % lanes !== 0) {
      say(`a vec is ${verb} at an address of ${nameOf(parameter)} that is no multiple of ${lanes}`);
    }
    const base = parameter ? (bases.get(parameter.name) ?? 0) : 0;
    if (count > 1 && base % lanes !== 0) say(`the base of ${nameOf(parameter)} is no multiple of ${lanes}`);
    if (address >= 0 && address + count <= extent) return true;
    say(
      verb === "read"
        ? `a load outside ${nameOf(parameter)}: element ${address} of ${extent}`
        : `a store outside ${nameOf(parameter)}: element ${address} of ${extent}`,
    );
    return false;
  }

  function reportRace(parameter: Parameter | undefined, touch: "blocks" | "items" | undefined): void {
    if (touch === undefined) return;
    const where = nameOf(parameter);
    say(
      touch === "blocks"
        ? `two grid blocks touch one element of ${where}, and one writes`
        : `two team items touch one element of ${where} without a barrier between, and one writes`,
    );
  }

  return {
    load(parameter, address, count) {
      if (!inside(parameter, address, count, "read")) return Array.from({ length: count }, () => 0);
      const base = parameter ? (bases.get(parameter.name) ?? 0) : 0;
      const at = base + address;
      const elements = Array.from({ length: count }, (_, k) => at + k);
      if (parameter?.space === "weights") return elements.map((element) => around.weights[element] ?? 0);
      if (parameter?.space === "table") return elements.map((element) => around.table[element] ?? 0);
      const memory = parameter ? arena : scratch;
      if (!parameter && !elements.every((element) => memory.written(element, who))) {
        say("a read of scratch that the block did not write");
      }
      // A padded lane may hold anything, so that a vec needs only one element that something wrote.
      const { filled } = around;
      if (parameter && filled && !elements.some((element) => filled[element] === 1)) {
        say(`a read of ${parameter.name} where nothing was written`);
      }
      return elements.map((element) => {
        reportRace(parameter, memory.read(element, who));
        return memory.values[element] ?? bug("the checker lost an element");
      });
    },
    store(parameter, address, values) {
      if (!inside(parameter, address, values.length, "written")) return;
      const base = parameter ? (bases.get(parameter.name) ?? 0) : 0;
      const memory = parameter ? arena : scratch;
      values.forEach((value, k) => {
        const element = base + address + k;
        reportRace(parameter, memory.write(element, who));
        memory.values[element] = value;
        if (parameter && around.filled) around.filled[element] = 1;
      });
    },
  };
}
