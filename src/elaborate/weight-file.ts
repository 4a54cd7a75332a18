// Reads parameters from a weight file, by their path or key, or generates them if the net names no file.

import { given } from "#diagnostic/given.js";
import type { NetItem } from "#grammar/ast.js";
import type { Span } from "#diagnostic/diagnostic.js";
import { suggest } from "#diagnostic/suggest.js";
import type { WeightId } from "#ir/graph.js";
import type { TensorType } from "#ir/type.js";
import { elements, isDType, isInteger, printType, sameShape, sameType } from "#ir/type.js";
import type { WeightFiles } from "#ir/weights.js";
import type { LayerParameter } from "#ops/op.js";
import { seedOf } from "#weights/generate.js";
import type { MissingWeight, Elaboration } from "./elaboration.js";
import { addConstant, addConstantOf, fail, takePath } from "./elaboration.js";
import type { ExpressionValue } from "./expression-value.js";

/** Most missing parameters with a message each; a file of another model lacks all of them. */
const missingLimit = 8;

/** Opens the file of the `weights` statement, or `path` instead. */
export function openWeights(
  state: Elaboration,
  net: NetItem,
  files: WeightFiles | undefined,
  path: string | undefined,
): void {
  const [statement, second] = net.body.filter((one) => one.kind === "weights");
  if (statement && second) {
    fail(state, second.span, "repeated-weights", "a net can name only one weight file", {
      others: [{ span: statement.span, message: "first here" }],
    });
  }
  const name = path ?? statement?.path.value;
  const span = statement?.path.span ?? net.name.span;
  if (name === undefined) {
    if (state.seedless)
      fail(state, span, "no-weights", `net \`${net.name.text}\` names no weights`, {
        help: ['add `weights "file.safetensors"` to it'],
      });
    return;
  }
  // A dump is read with the store of its graph, which has the file's entries.
  if (path === undefined && holdsFile(state, name)) return;
  if (!files) {
    fail(state, span, "no-weights", `the weights ${JSON.stringify(name)} cannot be opened here`, {
      help: ["pass the option `weights`, which opens files"],
    });
    return;
  }
  const opened = files.open(name);
  // The place of an error in the file is the statement that names it.
  const place = path === undefined ? span : undefined;
  for (const one of opened.diagnostics)
    state.diagnostics.push(place && !one.span ? { ...one, span: place } : one);
  state.weights = opened.value;
}

function holdsFile(state: Elaboration, name: string): boolean {
  for (const { source } of state.store.entries.values())
    if (source.kind === "file" && source.file === name) return true;
  return false;
}

/** The constant for a parameter that a layer call declares. */
export function layerParameter(
  state: Elaboration,
  own: string,
  parameter: LayerParameter,
  span: Span,
): ExpressionValue {
  const path = takePath(state, `${own}.${parameter.operand}`);
  return pathParameter(state, path, parameter, span);
}

/** The constant for a parameter that is looked up by its path, or generated in an architecture. */
export function pathParameter(
  state: Elaboration,
  path: string,
  parameter: Pick<LayerParameter, "type" | "init" | "fanIn">,
  span: Span,
): ExpressionValue {
  const { init: generator, fanIn, type } = parameter;
  if (state.weights) return fromFile(state, path, path, type, span, undefined);
  state.seeded = true;
  // An architecture with integers has zeros for them: a distribution of integers would need their scale.
  const drawn = isInteger(type.dtype) ? "zeros" : generator;
  return addConstant(
    state,
    path,
    type,
    { kind: "seeded", generator: drawn, seed: seedOf(path), fanIn },
    span,
  );
}

/**
 * The constant for the file's entry of a key, which must have the type; `declared` is the place of the type in the text. After
 * an error, zeros replace it, so that all missing entries are found at once.
 */
export function fromFile(
  state: Elaboration,
  name: string,
  key: string,
  type: TensorType,
  span: Span,
  declared: Span | undefined,
): ExpressionValue {
  const weight = fileEntry(state, key, type, span);
  if (weight === undefined) return addConstant(state, name, type, { kind: "absent" }, span);
  const found = state.store.entries.get(weight)?.type;
  if (found && !sameType(found, type)) {
    const file = state.weights?.file ?? "the file";
    shapeClash(state, key, type, found, span, declared, `in ${file} it is ${printType(found)}`);
    return addConstant(state, name, type, { kind: "absent" }, span);
  }
  return addConstantOf(state, name, type, weight, span);
}

/** The message about a parameter of a wrong shape, with both shapes and the entries that would fit. */
export function shapeClash(
  state: Elaboration,
  key: string,
  type: TensorType,
  found: TensorType,
  span: Span,
  declared: Span | undefined,
  label: string,
): ExpressionValue {
  const near = [...(state.weights?.entries ?? [])]
    .filter(([, entry]) => sameShape(entry.shape, type.shape))
    .map(([name]) => name);
  const alike = suggest(key, near).map((one) => `\`${one}\``);
  const message = `parameter \`${key}\` should be ${printType(type)}, but is ${printType(found)}`;
  const isOther = found.dtype !== type.dtype && sameShape(found.shape, type.shape);
  const isReversed = !isOther && found.shape.length > 1 && sameShape(found.shape.toReversed(), type.shape);
  return fail(state, span, "shape-mismatch", message, {
    label,
    ...(declared ? { others: [{ span: declared, message: `declared as ${printType(type)}` }] } : {}),
    help: [
      ...(alike.length > 0 ? [`the entries of that shape are ${alike.join(", ")}`] : []),
      ...(isOther ? ["`quantize` and `dequantize` convert between f32 and integers"] : []),
      ...(isReversed ? ["a `transpose` of it would fit: param w: … = weight(…) |> transpose(perm=…)"] : []),
    ],
  });
}

/** The store's entry for a key of the weight file; missing ones are collected and reported at the end. */
export function fileEntry(
  state: Elaboration,
  key: string,
  type: TensorType | undefined,
  span: Span,
): WeightId | undefined {
  const { weights } = state;
  const known = weights ? undefined : storedKeys(state).get(key);
  if (known !== undefined) return known;
  if (!weights) {
    fail(state, span, "no-weights", `\`${key}\` comes from a weight file, but the net names none`, {
      help: ['add `weights "file.safetensors"` to the net, or give --weights FILE'],
    });
    return undefined;
  }
  const entry = weights.entries.get(key);
  const dtype = weights.unreadable?.get(key);
  if (dtype !== undefined) {
    fail(
      state,
      span,
      "unreadable-weight",
      `${weights.file} has \`${key}\` as ${dtype}, which cannot be read`,
      {
        help: ["save it as F32, F16, BF16, I32, I16, I8 or U8"],
      },
    );
    return undefined;
  }
  if (!entry) {
    state.missing.push({ key, type, span });
    return undefined;
  }
  const rounded = entry.rounded?.();
  if (rounded !== undefined) {
    fail(
      state,
      span,
      "unreadable-weight",
      `${weights.file} has ${rounded} in \`${key}\`, which f32 does not hold exactly`,
      { help: ["integers are exact in f32 up to 2²⁴; add a larger bias as f32, behind `dequantize`"] },
    );
    return undefined;
  }
  const named = entry.dtype?.toLowerCase() ?? "f32";
  const found: TensorType = { dtype: isDType(named) ? named : "f32", shape: entry.shape };
  return state.store.add(key, found, {
    kind: "file",
    file: weights.file,
    key,
    read: entry.read,
    ...given({ form: entry.form }),
  });
}

/** The entries of the store that come from a file, by key, without keys that two files have. */
function storedKeys(state: Elaboration): ReadonlyMap<string, WeightId> {
  if (state.fileKeys) return state.fileKeys;
  const keys = new Map<string, WeightId | undefined>();
  for (const { id, source } of state.store.entries.values())
    if (source.kind === "file") keys.set(source.key, keys.has(source.key) ? undefined : id);
  const known = new Map([...keys].flatMap(([key, id]) => (id === undefined ? [] : [[key, id] as const])));
  state.fileKeys = known;
  return known;
}

/** Reports the parameters that the weight file lacks, with similar entries that it has. */
export function reportMissing(state: Elaboration): void {
  for (const one of state.missing.slice(0, missingLimit)) {
    const shape = one.type ? `, ${printType(one.type)}` : "";
    fail(
      state,
      one.span,
      "missing-weight",
      `${state.weights?.file ?? "the file"} has no \`${one.key}\`${shape}`,
      {
        label: "this parameter",
        help: [nearMisses(state, one)],
      },
    );
  }
  const rest = state.missing.slice(missingLimit);
  const [first] = rest;
  if (!first) return;
  fail(
    state,
    first.span,
    "missing-weight",
    `${rest.length} more parameters are missing, from \`${first.key}\` on`,
    {
      help: ['are these the weights of this net? `param` with weight("key") takes any name'],
    },
  );
}

function nearMisses(state: Elaboration, { key, type }: MissingWeight): string {
  const entries = state.weights?.entries ?? new Map<string, { readonly shape: readonly number[] }>();
  const list = (keys: readonly string[]): string =>
    keys.map((one) => `\`${one}\` [${entries.get(one)?.shape.join(", ") ?? ""}]`).join(", ");
  const alike = suggest(key, entries.keys());
  if (alike.length > 0) return `it has ${list(alike)}`;
  const sameType = [...entries]
    .filter(([, { shape }]) => type && sameShape(shape, type.shape))
    .map(([name]) => name);
  if (sameType.length > 0) return `the entries of that shape are ${list(sameType.slice(0, 3))}`;
  const count = entries.size === 1 ? "one entry" : `${entries.size} entries`;
  return `it has ${count}, and none is similar`;
}

/** Inputs per output of a weight whose op is not known: the product of all axes except the last. */
export function fanInOf(type: TensorType): number {
  return elements(type.shape.slice(0, -1));
}
