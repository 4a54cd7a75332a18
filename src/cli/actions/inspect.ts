// The action of `cleave inspect`: shows the graph after any pass in several formats, or the differences between two graphs.

import pc from "picocolors";
import { lowerModule } from "#compile/lower-module.js";
import { targetOf } from "#compile/targets.js";
import { lineText } from "#diagnostic/escape.js";
import { error } from "#diagnostic/diagnostic.js";
import { countsOf, countsText } from "#report/counts.js";
import { diffGraphs, diffText, printDiff } from "#inspect/diff.js";
import type { Drawing } from "#film/svg.js";
import { drawingOf, graphSvg } from "#film/svg.js";
import { graphDot } from "#inspect/dot.js";
import { graphJson } from "#inspect/json.js";
import { printGraph } from "#inspect/lift.js";
import { printKernels } from "#kernel/ir/print.js";
import type { Model } from "#node/read-model.js";
import type { Sharp } from "#node/sharp.js";
import { loadSharp } from "#node/sharp.js";
import { besideOutput, writeDumpSteps } from "#node/write-dump.js";
import { writeFileAtomically } from "#node/write-file.js";
import { readDevices } from "../model/devices.js";
import { loadModel } from "../model/load.js";
import { hasKernels, moduleAfter } from "../model/optimize.js";
import { isFile, sidesOf } from "../model/sides.js";
import type { PageOptions } from "../options/film.js";
import type { ModelOptions } from "../options/model.js";
import type { PassOptions } from "../options/passes.js";
import { jsonText } from "../output/json.js";
import { writtenText } from "../output/summary.js";
import { exit, report } from "../output/terminal.js";
import { interruptible } from "../session/interruptible.js";
import type { Session } from "../session/session.js";

export type InspectFormat = "text" | "json" | "dot" | "svg" | "png" | "kernels";

export interface InspectOptions extends ModelOptions, PassOptions, PageOptions {
  readonly format: InspectFormat;
  readonly json?: boolean;
  readonly after?: string;
  readonly diff?: string;
  readonly output?: string;
}

export async function inspectModel(path: string, options: InspectOptions, session: Session): Promise<void> {
  const { format, html } = options;
  if (html !== undefined) {
    const { writeFilm } = await import("../model/film.js");
    return writeFilm(path, { ...options, html }, session);
  }
  if (options.diff !== undefined && format !== "text" && format !== "json") {
    const message = `there is no diff as ${format}`;
    report(session.terminal, [error("wrong-usage", message, { help: ["it is text or json"] })], new Map());
    session.code = exit.wrongUsage;
    return;
  }
  const model = loadModel(path, options, session);
  if (!model) return;
  if (options.diff === undefined && format === "text" && options.output?.endsWith(".net"))
    return writeDump(model, options.output, options, session);
  const data =
    options.diff === undefined
      ? await showGraph(model, options, session)
      : showChange(model, options.diff, options, session);
  if (data === undefined) return;
  // `paintedOut`, because a diff has colours. All formats escape the text of a model themselves.
  if (options.output === undefined) session.terminal.paintedOut(data);
  else
    session.code = Math.max(
      session.code,
      report(session.terminal, writeFileAtomically(options.output, data, model.files).diagnostics, new Map()),
    );
}

/** Writes a dump that can be read again, with a weight file beside it if the text cannot hold all weights. */
async function writeDump(
  model: Model,
  path: string,
  options: InspectOptions,
  session: Session,
): Promise<void> {
  const module = moduleAfter(model, options.after, options, session);
  if (!module) return;
  const onWeight = (done: number, all: number): void => session.progress.show("writing weights", done / all);
  const steps = writeDumpSteps(module, path, { inputs: model.files, onWeight });
  const { value = [], diagnostics } = await interruptible(steps);
  session.code = Math.max(session.code, report(session.terminal, diagnostics, new Map()));
  session.terminal.out(writtenText(value, undefined));
}

async function showGraph(
  model: Model,
  options: InspectOptions,
  session: Session,
): Promise<string | Uint8Array | undefined> {
  const { format } = options;
  const module = moduleAfter(
    model,
    options.after ?? (format === "kernels" ? "all" : undefined),
    options,
    session,
  );
  if (!module) return undefined;
  switch (format) {
    case "text":
      return printGraph(module, { weightsPath: (opened) => besideOutput(opened, options.output) });
    case "json":
      return jsonText(graphJson(module));
    case "dot":
      return graphDot(module);
    case "kernels": {
      const devices = readDevices(options, session);
      const { target } = targetOf(options.target, devices);
      if (!devices || !hasKernels(module, model, options.target, session)) return undefined;
      const { program } = lowerModule(module, target, { verify: options.verify ?? false });
      const counts = countsOf(model.graph, {
        kernels: program.launches.length,
        setup: program.setup.length,
      });
      return `# ${lineText(module.graph.name)}: ${countsText(counts)}\n\n${printKernels(program)}`;
    }
    case "svg":
      return graphSvg(module);
    case "png": {
      const sharp = await loadSharp("a picture as PNG");
      session.code = Math.max(session.code, report(session.terminal, sharp.diagnostics, new Map()));
      if (!sharp.value) return undefined;
      return pngOf(drawingOf(module), sharp.value);
    }
    default:
      return format satisfies never;
  }
}

/** The most pixels of a PNG file; viewers refuse much larger ones. */
const mostPixels = 6e7;

/** A drawing as PNG: with two pixels for each of its own, or fewer if it is very large. */
function pngOf({ svg, width, height }: Drawing, sharp: Sharp): Promise<Buffer> {
  const scale = Math.min(2, Math.sqrt(mostPixels / (width * height)));
  return sharp(Buffer.from(svg), { density: 72 * scale, limitInputPixels: false })
    .png()
    .toBuffer();
}

/** The differences between two graphs, as text or JSON. */
function showChange(
  model: Model,
  what: string,
  options: InspectOptions,
  session: Session,
): string | undefined {
  const sides = sidesOf(model, what, options, session);
  if (!sides) return undefined;
  const { before, after } = sides;
  if (options.format === "json") return jsonText(diffGraphs(before, after));
  const lines = before === after ? [] : diffText(printGraph(before), printGraph(after));
  const colors = pc.createColors(options.output === undefined && session.terminal.outColor);
  const paint = { same: (text: string) => text, removed: colors.red, added: colors.green };
  const text = printDiff(lines, (kind, line) => paint[kind](line));
  if (text !== "") return `${text}\n`;
  return `${isFile(what) || what.includes("..") ? "nothing changed" : `${what} changed nothing`}\n`;
}
