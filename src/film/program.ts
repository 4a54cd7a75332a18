// The kernels of a film: what runs at the end, the text of each kernel, and measured times.

import { lowerModule } from "#compile/lower-module.js";
import type { Devices } from "#compile/targets.js";
import { targetOf } from "#compile/targets.js";
import { lineText, terminalText } from "#diagnostic/escape.js";
import { given } from "#diagnostic/given.js";
import { lineTexts } from "#diagnostic/line-text.js";
import type { TargetName } from "#ir/target.js";
import type { Module } from "#ir/weights.js";
import { bytesText } from "#ir/units.js";
import { printKernel } from "#kernel/ir/print.js";
import type { KernelProfile, ProfileReport } from "#report/profile.js";
import type { FilmLaunch, Program } from "./data.js";

export interface ProgramOptions {
  readonly target: TargetName;
  readonly devices?: Devices;
  readonly f16?: boolean;
  readonly sources: ReadonlyMap<string, string>;
  readonly profile?: ProfileReport;
}

/** Most lines of the text of a kernel; unrolled ones have many thousands, which nobody reads. */
const mostLines = 3000;

/** The kernels of an optimized module, which has no `kernelErrors`. */
export function programOf(module: Module, options: ProgramOptions): Program {
  const { target, language, kernelTexts } = targetOf(options.target, options.devices);
  const { program } = lowerModule(module, target);
  const lineOf = lineTexts(options.sources);
  const spans = new Map([...module.graph.nodes.values()].map(({ name, origin }) => [name, origin.spans[0]]));
  const texts = kernelTexts(program, {
    lineOf: (node) => lineOf(spans.get(node)),
    ...given({ f16: options.f16 }),
  });
  const { profile } = options;
  const kernels = program.kernels.map((kernel, at) => ({
    name: lineText(kernel.name),
    ir: shortened(printKernel(kernel)),
    code: shortened(texts[at] ?? ""),
  }));
  const rows = (setup: boolean): FilmLaunch[] =>
    program[setup ? "setup" : "launches"].map((launch, order) => ({
      kernel: launch.kernel,
      setup,
      label: lineText(launch.label),
      nodes: launch.nodes.map(lineText),
      macs: launch.macs,
      ...(setup ? {} : timesOf(profile?.kernels[order])),
    }));
  return {
    language,
    launches: [...rows(true), ...rows(false)],
    kernels,
    ...given({ measured: profile && measuredOf(profile) }),
  };
}

function timesOf(kernel: KernelProfile | undefined): Partial<FilmLaunch> {
  if (!kernel) return {};
  const { milliseconds, share, roofline } = kernel;
  const bound =
    roofline &&
    (roofline.cacheBytes === undefined ? roofline.bound : `a cache of ${bytesText(roofline.cacheBytes)}`);
  return {
    milliseconds,
    share,
    ...given({ roofline: roofline && bound !== undefined ? { share: roofline.share, bound } : undefined }),
  };
}

function measuredOf({ milliseconds, target, adapter, threads, runs }: ProfileReport): Program["measured"] {
  const how =
    adapter === undefined
      ? `${target} with ${threads} ${threads === 1 ? "thread" : "threads"}`
      : `${target} on ${lineText(adapter)}`;
  return { milliseconds, where: `${how}, the median of ${runs} runs` };
}

function shortened(text: string): string {
  const lines = text.split("\n");
  if (lines.length <= mostLines) return terminalText(text);
  return terminalText(
    [...lines.slice(0, mostLines), `… and ${lines.length - mostLines} more lines`].join("\n"),
  );
}
