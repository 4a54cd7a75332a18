// What the metadata of an ONNX model say about pictures and classes.

import type { Graph, Node } from "#ir/graph.js";
import { inputNodes, nodeOf } from "#ir/graph.js";
import type { Preprocess } from "#ir/preprocess.js";
import { labelsProblem, pictureSize, readPreprocess } from "#ir/preprocess.js";
import type { Module } from "#ir/weights.js";
import { imageKeys, ownKeys, pixelFormats, pixelRanges } from "#onnx/metadata.js";
import { preprocessOf } from "#ops/preprocess.js";

/** Facts of a model's file, by key. */
type Metadata = ReadonlyMap<string, string>;

/**
 * The graph with what the metadata say: those that Cleave writes, those of ONNX (MetadataProps), and those that Ultralytics writes. `images`
 * are the inputs that the file calls images. What does not fit an input or an output is left out: metadata are hints.
 */
export function withMetadata(module: Module, metadata: Metadata, images: ReadonlySet<string>): Graph {
  const { graph } = module;
  if (metadata.size === 0) return graph;
  const pictures = new Map<string, Preprocess>();
  const inputs = inputNodes(graph);
  const candidates = inputs.filter(({ type }) => type.shape.length === 4);
  for (const input of inputs) {
    const isImage =
      images.has(input.name) || (images.size === 0 && candidates.length === 1 && candidates[0] === input);
    const said =
      readPreprocess(jsonOf(metadata.get(`${ownKeys.preprocess}${input.name}`))) ??
      (isImage ? (imageMetadata(metadata) ?? ultralytics(metadata)?.said) : undefined);
    const found = said && preprocessOf(module, input, said);
    if (found && found.problem === undefined && hasDepth(metadata, input, found.value))
      pictures.set(input.name, found.value);
  }
  const labels = new Map<string, readonly string[]>();
  const [only, ...others] = graph.outputs;
  for (const { name, node } of graph.outputs) {
    const own = jsonOf(metadata.get(`${ownKeys.labels}${name}`));
    const isText = (value: unknown): value is string => typeof value === "string";
    const names =
      Array.isArray(own) && own.every(isText)
        ? own
        : only && others.length === 0
          ? ultralytics(metadata)?.labels
          : undefined;
    if (names && labelsProblem(names, nodeOf(graph, node).type) === undefined) labels.set(name, names);
  }
  return {
    ...graph,
    ...(pictures.size > 0 && { pictures }),
    ...(labels.size > 0 && { labels }),
  };
}

/** ONNX's own metadata of images, in any case of letters. */
function imageMetadata(metadata: Metadata): Partial<Preprocess> | undefined {
  const format = entryOf(pixelFormats, find(metadata, imageKeys.format));
  const range = find(metadata, imageKeys.range);
  if (!format && range === undefined) return undefined;
  const values = entryOf(pixelRanges, range ?? "NominalRange_0_255");
  return values && { ...values, order: format?.order ?? "rgb" };
}

/** Whether an input has as many channels as the metadata say, if they do. */
function hasDepth(metadata: Metadata, { type }: Node, { layout }: Preprocess): boolean {
  const format = entryOf(pixelFormats, find(metadata, imageKeys.format));
  return !format || pictureSize(type.shape, layout)?.depth === format.depth;
}

function find(metadata: Metadata, key: string): string | undefined {
  return [...metadata].find(([name]) => name.toLowerCase() === key.toLowerCase())?.[1];
}

function entryOf<T extends object>(table: T, name: string | undefined): T[keyof T] | undefined {
  const key = Object.keys(table).find((one) => one.toLowerCase() === name?.trim().toLowerCase());
  return key === undefined ? undefined : table[key as keyof T];
}

/** What models of Ultralytics say: the task, and the names of classes as a dict of Python. Their pixels are from 0 to 1. */
function ultralytics(
  metadata: Metadata,
): { readonly said: Partial<Preprocess>; readonly labels?: readonly string[] } | undefined {
  const task = metadata.get("task");
  if (metadata.get("author") !== "Ultralytics" || task === undefined) return undefined;
  if (task !== "classify") return { said: { fit: "contain", pad: 114 } };
  const labels: string[] = [];
  const item = /(\d+): (?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")/g;
  for (const [, index = "", single, double = ""] of (metadata.get("names") ?? "").matchAll(item))
    if (Number(index) === labels.length) labels.push((single ?? double).replaceAll(/\\(.)/g, "$1"));
  return { said: { fit: "cover" }, ...(labels.length > 0 && { labels }) };
}

function jsonOf(text: string | undefined): unknown {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
