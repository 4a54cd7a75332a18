// Prepares one network for several peers, measures them in turns, and checks whether their outputs agree.

import { given } from "../src/diagnostic/given.js";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import type { Module } from "../src/index.js";
import { bytesOf } from "../src/ir/target.js";
import { elements, inputNodes, interpretScaled, longestReduction, tensor, tolerance } from "../src/index.js";
import type { Allowed } from "./judge.js";
import type { Int8 } from "./int8.js";
import { quantized } from "./int8.js";
import { judge, largestOf, publishedTolerance } from "./judge.js";
import type { Limit } from "./limits.js";
import type { Measured, MeasureOptions } from "./measure.js";
import { measure } from "./measure.js";
import type { Format } from "./models.js";
import { optimized } from "./open.js";
import type { Host } from "./place.js";
import type { Preparation, Prepared } from "./prepare.js";
import { inputPorts, prepare } from "./prepare.js";
import { nodeHost } from "./processes.js";
import type { Comparison } from "./results.js";
import type { ParsedPeer, Part } from "./running.js";
import { isInt8 } from "./running.js";
import { samples } from "./samples.js";

export interface ComparisonOptions extends Pick<
  MeasureOptions,
  "adapter" | "rounds" | "turn" | "seconds" | "loads" | "onStep"
> {
  readonly model: Module;
  readonly name: string;
  /** The file of another format that the network came from; that format's runtimes get the file itself. */
  readonly original?: { readonly file: string; readonly format: Format };
  readonly dims: readonly string[];
  readonly split?: string;
  /** The peers by their names in the result. */
  readonly peers: ReadonlyMap<string, ParsedPeer>;
  /** Where the peers run: in a Node, given by its file, or in pages; a page that does not answer for this many seconds is given up. */
  readonly where: { readonly node: string } | { readonly pageSeconds: number };
  readonly limits: readonly Limit[];
}

/** Measures the peers. Throws if none of them runs. */
export async function compare(options: ComparisonOptions): Promise<Comparison> {
  const { model, name, original, peers, where } = options;
  const folder = mkdtempSync(join(tmpdir(), "cleave-bench-"));
  let host: Host | undefined;
  try {
    const leftOut: { peer: string; why: string }[] = [];
    const { prepared, able } = await preparedIn(folder, options, leftOut);
    host = await hostIn(folder, where, prepared);
    const measured = await measure(
      able,
      { ...options, folder, host, weightBytes: weightBytes(model) },
      (peer, why) => void leftOut.push({ peer, why }),
    );
    options.onStep("");
    if (measured.length === 0)
      throw new Error(
        ["no peer runs here", ...leftOut.map(({ peer, why }) => `  ${peer}: ${why}`)].join("\n"),
      );
    const adapter = measured.find(({ counts }) => counts)?.counts?.adapter;
    const factsOf = ({ peer: text }: Measured): Prepared => {
      const peer = peers.get(text);
      return (peer && prepared.facts.get(peer.needs)) ?? {};
    };
    const node = "node" in where ? where.node : process.execPath;
    return {
      model: name,
      ...given({ format: original?.format }),
      input: inputNodes(model.graph)[0]?.type.shape ?? [],
      dims: options.dims,
      ...given({ split: options.split }),
      node: execFileSync(node, ["--version"], { encoding: "utf8" }).trim(),
      ...given({ browser: host.browser }),
      cpu: cpus()[0]?.model.trim() ?? "",
      ...given({ adapter }),
      date: new Date().toISOString(),
      rounds: options.rounds,
      weightBytes: weightBytes(model),
      peers: judge(measured, factsOf, allowedBy(options, measured, factsOf), hasIntegers(model)),
      leftOut,
      limits: options.limits,
    };
  } finally {
    await host?.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Writes what the peers load; peers whose format lacks an op are left out. */
async function preparedIn(
  folder: string,
  { model, original, peers, onStep }: ComparisonOptions,
  leftOut: { peer: string; why: string }[],
): Promise<{ prepared: Preparation; able: Map<string, ParsedPeer> }> {
  onStep("compiling");
  const able = new Map(peers);
  const parts = new Set([...peers.values()].map(({ needs }) => needs));
  const folded = optimized(model, { without: ["fuse"] });
  const leaveOut = (part: Part, why: string): void => {
    for (const [text, { needs }] of peers)
      if (needs === part && able.delete(text)) leftOut.push({ peer: text, why });
  };
  let int8: Int8 | undefined;
  if ([...parts].some(isInt8)) {
    onStep("quantizing");
    try {
      int8 = await quantized(model, folded);
    } catch (cause) {
      for (const part of [...parts].filter(isInt8)) {
        leaveOut(part, (cause as Error).message);
        parts.delete(part);
      }
    }
    onStep("compiling");
  }
  const prepared = prepare(
    folder,
    { model, folded, ...given({ int8, original: original?.file }) },
    parts,
    leaveOut,
  );
  return { prepared, able };
}

async function hostIn(
  folder: string,
  where: ComparisonOptions["where"],
  { setup }: Preparation,
): Promise<Host> {
  if ("node" in where) return nodeHost(where.node);
  // Loads the code that needs a browser only if a browser is requested.
  const { pageHost } = await import("./browser/pages.js");
  return pageHost(folder, setup, where.pageSeconds);
}

function weightBytes({ graph }: Module): number {
  const constants = [...graph.nodes.values()].filter((node) => node.op === "constant");
  return constants.reduce((sum, { type }) => sum + bytesOf(type.dtype) * elements(type.shape), 0);
}

function hasIntegers({ graph }: Module): boolean {
  return [...graph.nodes.values()].some(({ op }) => op === "quantize");
}

/**
 * Twice the stated tolerance, because both sides have rounding errors; published models have a separate tolerance, for both sides together.
 */
function allowedBy(
  { model, original, onStep }: ComparisonOptions,
  all: readonly Measured[],
  factsOf: (one: Measured) => Prepared,
): Allowed {
  const longest = longestReduction(model);
  let scale = 0;
  if (all.some((one) => factsOf(one).halfKernels !== undefined)) {
    onStep("interpreting, for the tolerance of f16");
    scale = scaleOf(model);
    onStep("");
  }
  const ownOf = (one: Measured | undefined, reference: Float32Array): number => {
    const kernels = one && factsOf(one).halfKernels;
    if (kernels === undefined && original) return (publishedTolerance / 2) * largestOf(reference);
    return tolerance(longest, reference, kernels === undefined ? undefined : { kernels, scale });
  };
  return (one, reference) => ownOf(one, reference) + ownOf(all[0], reference);
}

/** The largest value between the kernels on the way to an output, which determines the tolerance of f16. */
function scaleOf(module: Module): number {
  const [sample = {}] = samples(inputPorts(module.graph));
  const inputs = inputNodes(module.graph).map(
    ({ name: input, type: { shape } }) =>
      [input, tensor(shape, (index) => sample[input]?.[index] ?? Number.NaN)] as const,
  );
  const outputs = [...interpretScaled(module, new Map(inputs)).values()];
  return Math.max(...outputs.map(({ scale }) => scale));
}
