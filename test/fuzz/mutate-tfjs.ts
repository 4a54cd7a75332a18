// Seeded mutations of TensorFlow.js models: of their text, of what they say, and of their shards.

import type { Random } from "#ops/random.js";
import type { ModelFiles } from "../tfjs/text-model.js";
import { mutateBytes } from "./mutate-onnx.js";

const numbers = [0, -1, 1, 7, 0.5, 2 ** 20, 2 ** 31, 2 ** 53, -(2 ** 53), 1e300, -1e300];
const texts = [
  "",
  "SAME",
  "same",
  "Zm9v",
  "9999999999",
  "-5",
  "../../etc/passwd",
  "/etc/passwd",
  "channels_first",
  "Conv2D",
  "Reshape",
  "StridedSlice",
  "Fill",
  "Tile",
  "constructor",
  "__proto__",
];

/** The text of a model.json and its shards, with one to three changes. */
export function mutateTfjs(
  { json, shards }: ModelFiles,
  random: Random,
): { readonly text: Uint8Array; readonly shards: ReadonlyMap<string, Uint8Array> } {
  const changed = structuredClone(json);
  let text: Uint8Array | undefined;
  let data = shards;
  for (let change = random.int(1, 3); change > 0; change -= 1) {
    const what = random.next();
    if (what < 0.75) mutateJson(changed, random);
    else if (what < 0.85)
      data = new Map([...data].map(([path, one]) => [path, one.length > 0 ? mutateBytes(one, random) : one]));
    else text = mutateBytes(new TextEncoder().encode(JSON.stringify(changed)), random);
  }
  return { text: text ?? new TextEncoder().encode(JSON.stringify(changed)), shards: data };
}

/** Changes one value somewhere, to one of another kind or from elsewhere in the file. */
function mutateJson(whole: object, random: Random): void {
  const places: { readonly holder: Record<string, unknown>; readonly key: string }[] = [];
  const open: object[] = [whole];
  for (let holder = open.pop(); holder; holder = open.pop())
    for (const [key, value] of Object.entries(holder)) {
      places.push({ holder: holder as Record<string, unknown>, key });
      if (typeof value === "object" && value !== null) open.push(value as object);
    }
  const { holder, key } = random.pick(places);
  const old = holder[key];
  const other = random.pick(places);
  const value = random.pick<() => unknown>([
    () => random.pick(numbers),
    () => random.pick(numbers),
    () => random.pick(texts),
    () => null,
    () => [],
    () => ({}),
    () => !old,
    () => [old, structuredClone(old)],
    () => structuredClone(other.holder[other.key]),
    () => structuredClone(other.holder[other.key]),
  ])();
  if (random.next() < 0.1) delete holder[key];
  else holder[key] = value;
}
