// Writes a dump of a graph as a `.net` file, with a weight file beside it if the text cannot hold or find all weights.

import { basename, dirname, isAbsolute, relative } from "node:path";
import type { Result } from "#diagnostic/diagnostic.js";
import type { Interruptible } from "#diagnostic/interruptible.js";
import { dumpGraph } from "#inspect/lift.js";
import type { Module } from "#ir/weights.js";
import { tensorsOf } from "#weights/own-file.js";
import type { WrittenFile } from "./write-file.js";
import { writeFileAtomically } from "./write-file.js";
import type { TextFile, WriteNetOptions } from "./write-net.js";
import { netFiles, weightsBeside } from "./write-net.js";

export interface DumpOptions extends WriteNetOptions {
  /** Text before the graph, such as comments. */
  readonly head?: string;
  /** Files in the same folder that belong to it: all are written, or none. */
  readonly others?: readonly TextFile[];
}

/** Writes a dump to a path that ends in `.net`. */
export function* writeDumpSteps(
  module: Module,
  path: string,
  { head = "", others = [], ...options }: DumpOptions = {},
): Interruptible<Result<readonly WrittenFile[]>> {
  const own = weightsBeside(path);
  const { text, kept } = dumpGraph(module, basename(own), {
    weightsPath: (opened) => besideOutput(opened, path),
  });
  const net = { path, text: `${head}${text}`, tensors: tensorsOf(module.weights, kept) };
  if (kept.size > 0 || others.length > 0) return yield* netFiles({ ...net, others }, options);
  // The caller can end the work before a file exists.
  yield;
  const { value, diagnostics } = writeFileAtomically(path, net.text, options.inputs);
  return value ? { value: [{ path, bytes: Buffer.byteLength(net.text) }], diagnostics } : { diagnostics };
}

/**
 * The path of a weight file in a dump. Paths are relative to the file of the net, so for a dump in a file it is relative to that file, and
 * for a dump on stdout to the working folder.
 */
export function besideOutput(opened: string, output: string | undefined): string {
  if (output === undefined || isAbsolute(opened)) return opened;
  return relative(dirname(output), opened).replaceAll("\\", "/");
}
