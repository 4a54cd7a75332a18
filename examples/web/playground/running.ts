// The view of a run: what each input is, and what each output has.

import { textOf } from "../controls.js";
import { createOpener, pixelsOf, readBitmap } from "../opening.js";
import type { GivenInput, Port, Ran, Reply } from "./protocol.js";

/** The most classes that are shown, the best first. */
const best = 5;
/** The most values that are shown of other outputs. */
const mostValues = 12;

/** The inputs, with buttons that give them other values, and the outputs of a run. */
export function showRun(
  { outputs }: Extract<Reply, { kind: "ran" }>,
  ports: readonly Port[],
  inputs: ReadonlyMap<string, GivenInput>,
  give: (port: Port, input: GivenInput) => void,
  say: (message: string) => void,
): HTMLElement {
  const shown = document.createElement("div");
  shown.className = "ran";
  shown.append(textOf("h2", ports.length === 1 ? "Input" : "Inputs"));
  for (const port of ports) shown.append(inputOf(port, inputs.get(port.name), give, say));
  shown.append(textOf("h2", outputs.length === 1 ? "Output" : "Outputs"));
  for (const output of outputs) shown.append(outputOf(output));
  return shown;
}

function inputOf(
  port: Port,
  input: GivenInput | undefined,
  give: (port: Port, input: GivenInput) => void,
  say: (message: string) => void,
): HTMLElement {
  const opener = createOpener<ImageData>((picture) => give(port, { kind: "picture", picture }), say);
  const row = document.createElement("div");
  row.className = "bar";
  const is = input?.kind === "picture" ? "your picture" : "random values";
  row.append(textOf("code", `${port.name} [${port.shape.join(", ")}]`), textOf("span", is));
  const again = textOf("button", "Other random values");
  again.addEventListener("click", () =>
    give(port, { kind: "random", seed: Math.floor(Math.random() * 2 ** 31) }),
  );
  row.append(again);
  if (port.takesPicture) {
    const label = textOf("label", "Open a picture");
    label.className = "button";
    const file = document.createElement("input");
    Object.assign(file, { type: "file", accept: "image/*", className: "hidden" });
    file.addEventListener("change", () => {
      const [chosen] = file.files ?? [];
      if (chosen) void opener.open(async () => pixelsOf(await readBitmap(chosen, chosen.name)));
    });
    label.prepend(file);
    row.append(label);
  }
  return row;
}

function outputOf({ name, shape, labels, values }: Ran): HTMLElement {
  const part = document.createElement("div");
  const { least, greatest, mean } = rangeOf(values);
  part.append(
    textOf("code", `${name} [${shape.join(", ")}]`),
    textOf("p", `least ${short(least)}, mean ${short(mean)}, greatest ${short(greatest)}`),
  );
  const isVector =
    shape.filter((extent) => extent > 1).length <= 1 && values.length > 1 && values.length <= 10_000;
  part.append(
    isVector
      ? barsOf(values, labels)
      : textOf("pre", [...values.subarray(0, mostValues)].map(short).join("  ")),
  );
  return part;
}

/** The greatest values of a vector, with their places or names. */
function barsOf(values: Float32Array, labels: readonly string[] | undefined): HTMLElement {
  const list = document.createElement("ol");
  list.className = "bars";
  const { least, greatest } = rangeOf(values);
  const order = [...values.keys()].toSorted((a, b) => (values[b] ?? 0) - (values[a] ?? 0)).slice(0, best);
  for (const at of order) {
    const row = document.createElement("li");
    const value = values[at] ?? 0;
    const share = greatest > least ? (value - Math.min(0, least)) / (greatest - Math.min(0, least)) : 1;
    row.style.setProperty("--share", share.toFixed(4));
    row.append(textOf("span", labels?.[at] ?? `at ${at}`), textOf("i", ""), textOf("b", short(value)));
    list.append(row);
  }
  return list;
}

function rangeOf(values: Float32Array): { least: number; greatest: number; mean: number } {
  let [least, greatest, sum] = [Infinity, -Infinity, 0];
  for (const value of values) {
    least = Math.min(least, value);
    greatest = Math.max(greatest, value);
    sum += value;
  }
  return { least, greatest, mean: sum / values.length };
}

function short(value: number): string {
  return Number.isFinite(value) ? String(Number(value.toPrecision(4))) : String(value);
}
