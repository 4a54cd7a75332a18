// What a graph says about pictures and classes, as metadata of an ONNX model.

import type { Graph } from "#ir/graph.js";
import { inputNodes } from "#ir/graph.js";
import type { Layout, Preprocess } from "#ir/preprocess.js";
import { pictureSize, valueRange } from "#ir/preprocess.js";
import { imageKeys, ownKeys, pixelFormats, pixelRanges } from "#onnx/metadata.js";

/** Keys and values: all facts under Cleave's keys, and, if there is one picture, what ONNX has words for. `isFirst` says whether the file has
 * channels first where the graph has them last. */
export function pictureMetadata(
  graph: Graph,
  outputs: readonly { readonly name: string; readonly own: string }[],
  isFirst: boolean,
): { key: string; value: string }[] {
  const entries: { key: string; value: string }[] = [];
  const pictures = inputNodes(graph).flatMap(({ name, type }) => {
    const preprocess = graph.pictures?.get(name);
    // A net whose channels are first already has another order of axes in such a file.
    const isKnown = preprocess && !(isFirst && preprocess.layout === "nchw");
    return isKnown ? [{ name, shape: type.shape, preprocess }] : [];
  });
  for (const { name, preprocess } of pictures) {
    const layout: Layout = isFirst ? "nchw" : preprocess.layout;
    const value = JSON.stringify({ ...preprocess, layout });
    entries.push({ key: `${ownKeys.preprocess}${name}`, value });
  }
  for (const { name, own } of outputs) {
    const labels = graph.labels?.get(own);
    if (labels) entries.push({ key: `${ownKeys.labels}${name}`, value: JSON.stringify(labels) });
  }
  const [only, ...others] = pictures;
  if (!only || others.length > 0) return entries;
  const format = formatOf(only.shape, only.preprocess);
  const range = rangeOf(only.preprocess);
  if (format === undefined || range === undefined) return entries;
  return [...entries, { key: imageKeys.format, value: format }, { key: imageKeys.range, value: range }];
}

function formatOf(shape: readonly number[], { layout, order }: Preprocess): string | undefined {
  const depth = pictureSize(shape, layout)?.depth;
  const found = Object.entries(pixelFormats).find(
    ([, format]) => format.depth === depth && (depth === 1 || format.order === order),
  );
  return found?.[0];
}

function rangeOf({ scale, mean, std }: Preprocess): string | undefined {
  if (new Set(mean).size > 1 || new Set(std).size > 1) return undefined;
  const own = valueRange({ scale, mean, std });
  const isSame = (other: readonly [number, number]): boolean =>
    own.every((end, at) => Math.abs(end - (other[at] ?? 0)) <= 1e-6 * Math.abs(end));
  return Object.entries(pixelRanges).find(([, range]) => isSame(valueRange(range)))?.[0];
}
