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
    if (what < 0.3) mutateJson(changed, random);
    else if (what < 0.5) mutateKeys(changed, manifestValues, random);
    else if (what < 0.75) mutateKeys(changed, topologyValues, random);
    else if (what < 0.85)
      data = new Map([...data].map(([path, one]) => [path, one.length > 0 ? mutateBytes(one, random) : one]));
    else text = mutateBytes(new TextEncoder().encode(JSON.stringify(changed)), random);
  }
  return { text: text ?? new TextEncoder().encode(JSON.stringify(changed)), shards: data };
}

type Values = Readonly<Record<string, (old: unknown, random: Random) => unknown>>;

const shapes = (old: unknown, random: Random): unknown =>
  Array.isArray(old) && old.length > 0 && random.next() < 0.7
    ? old.map((extent: unknown) => (random.next() < 0.5 ? random.pick(numbers) : extent))
    : Array.from({ length: random.pick([0, 1, 9, 100, 5000]) }, () => random.pick([1, 2, 2 ** 20]));

/** What may stand for the manifest's fields. */
const manifestValues: Values = {
  shape: shapes,
  dtype: (_, random) =>
    random.pick(["float32", "int32", "uint8", "uint16", "float16", "bool", "string", "complex64"]),
  quantization: (_, random) => ({
    dtype: random.pick(["uint8", "uint16", "float16", "int64"]),
    scale: random.pick([...numbers, "1"]),
    min: random.pick(numbers),
    original_dtype: random.pick(["float32", "int32"]),
  }),
  paths: (old, random) => random.pick([[], [random.pick(texts)], [old, old].flat(), [old].flat().slice(1)]),
  weights: (old, random) => {
    const list = Array.isArray(old) ? (old as unknown[]) : [];
    return random.pick([[...list, ...list], list.toReversed(), list.slice(1), [...list, list[0]]]);
  },
  name: (_, random) => random.pick(texts),
};

/** What may stand for fields of layers and nodes. */
const topologyValues: Values = {
  class_name: (_, random) =>
    random.pick(["Conv2D", "Dense", "Model", "Sequential", "LSTM", "Reshape", "Add", "InputLayer"]),
  op: (_, random) =>
    random.pick([
      "Conv2D",
      "MatMul",
      "Reshape",
      "Pad",
      "StridedSlice",
      "Const",
      "Placeholder",
      "Fill",
      "Tile",
      "While",
    ]),
  input: (old, random) => {
    const list = Array.isArray(old) ? (old as unknown[]) : [];
    return random.pick([
      [],
      [...list, ...list],
      list.toReversed(),
      [random.pick(texts)],
      [`${String(list[0])}:7`],
    ]);
  },
  inbound_nodes: (old, random) =>
    random.pick([[], [old, old].flat(), [[[random.pick(texts), 0, 0, {}]]], [[]]]),
  input_layers: (_, random) => [[random.pick(texts), random.pick(numbers), random.pick(numbers)]],
  output_layers: (_, random) => [[random.pick(texts), random.pick(numbers), random.pick(numbers)]],
  batch_input_shape: shapes,
  batchInputShape: shapes,
  target_shape: shapes,
  size: (_, random) => random.pick([`${random.pick(numbers)}`, "-1", "99999999999"]),
  units: (_, random) => random.pick(numbers),
  filters: (_, random) => random.pick(numbers),
  kernel_size: shapes,
  strides: shapes,
  axis: (_, random) => random.pick([...numbers, [0, 0], -9]),
  s: (_, random) => Buffer.from(random.pick(texts)).toString("base64"),
  i: (_, random) => `${random.pick(numbers)}`,
  list: (_, random) => ({ i: Array.from({ length: random.int(0, 6) }, () => `${random.pick(numbers)}`) }),
  dtype: (_, random) => random.pick(["DT_FLOAT", "DT_INT32", "DT_STRING", "DT_BOOL", "int32", 3]),
};

/** Changes the value of one of the keys somewhere; a file without any stays as it is. */
function mutateKeys(whole: object, values: Values, random: Random): void {
  const places = placesIn(whole).filter(({ key }) => Object.hasOwn(values, key));
  if (places.length === 0) return;
  const { holder, key } = random.pick(places);
  holder[key] = values[key]!(holder[key], random);
}

interface Place {
  readonly holder: Record<string, unknown>;
  readonly key: string;
}

/** All values of a tree. */
function placesIn(whole: object): Place[] {
  const places: Place[] = [];
  const open: object[] = [whole];
  for (let holder = open.pop(); holder; holder = open.pop())
    for (const [key, value] of Object.entries(holder)) {
      places.push({ holder: holder as Record<string, unknown>, key });
      if (typeof value === "object" && value !== null) open.push(value as object);
    }
  return places;
}

/** Changes one value somewhere, to one of another kind or from elsewhere in the file. */
function mutateJson(whole: object, random: Random): void {
  const places = placesIn(whole);
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
