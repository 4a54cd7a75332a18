// `cleave inspect`: the graph, as text, JSON, DOT, SVG or PNG, before or after a pass, or what a pass did.

import type { Command } from "commander";
import { Option } from "commander";
import pc from "picocolors";
import { jsTarget } from "#backend/js/target.js";
import type { Module } from "#ir/weights.js";
import { diffText, printDiff } from "#inspect/diff.js";
import { graphDot } from "#inspect/dot.js";
import { graphJson } from "#inspect/json.js";
import { printGraph } from "#inspect/lift.js";
import { graphSvg } from "#inspect/svg.js";
import type { ModelOptions, PassOptions } from "./model-options.js";
import { withModelOptions, withPassOptions } from "./model-options.js";
import { loadModel, optimizeModel } from "./model.js";
import type { Session } from "./program.js";
import { report } from "./terminal.js";
import { writeFileAtomically } from "../node.js";

interface InspectOptions extends ModelOptions, PassOptions {
  readonly format: "text" | "json" | "dot" | "svg" | "png";
  readonly after?: string;
  readonly diff?: string;
  readonly output?: string;
}

export function addInspect(root: Command, session: Session): void {
  withPassOptions(withModelOptions(root.command("inspect")))
    .description("show the graph of a model")
    .argument("<model>", "a .net file")
    .addOption(
      new Option("--format <format>", "how").choices(["text", "json", "dot", "svg", "png"]).default("text"),
    )
    .option("--after <pass>", "the graph after this pass, or after `all`; as written if left out")
    .option("--diff <pass>", "what this pass changed, or all of them with `all`")
    .option("-o, --output <file>", "write to a file instead of stdout")
    .action((path: string, options: InspectOptions) => inspectModel(path, options, session));
}

async function inspectModel(path: string, options: InspectOptions, session: Session): Promise<void> {
  const model = loadModel(path, options, session);
  if (!model) return;
  if (options.diff !== undefined) return printChange(model, options.diff, options, session);
  const shown = options.after === undefined ? model : after(model, options.after, options, session);
  if (!shown) return;
  const data = await draw(shown, options.format, session);
  if (data === undefined) return;
  if (options.output === undefined) session.terminal.out(data);
  else
    session.code = Math.max(
      session.code,
      report(session.terminal, writeFileAtomically(options.output, data, model.files).diagnostics, new Map()),
    );
}

function after(model: Module, pass: string, options: InspectOptions, session: Session): Module | undefined {
  return optimizeModel(model, jsTarget, pass === "all" ? options : { ...options, stopAfter: pass }, session)
    ?.module;
}

async function draw(
  module: Module,
  format: InspectOptions["format"],
  session: Session,
): Promise<string | Uint8Array | undefined> {
  switch (format) {
    case "text":
      return printGraph(module);
    case "json":
      return `${JSON.stringify(graphJson(module), null, 2)}\n`;
    case "dot":
      return graphDot(module);
    case "svg":
    case "png": {
      const svg = await graphSvg(module);
      session.code = Math.max(session.code, report(session.terminal, svg.diagnostics, new Map()));
      if (svg.value === undefined || format === "svg") return svg.value;
      // It takes 20 MB of memory, and no other format needs it.
      const { default: sharp } = await import("sharp");
      return sharp(Buffer.from(svg.value), { density: 144, limitInputPixels: false }).png().toBuffer();
    }
    default:
      return format satisfies never;
  }
}

/** The graph just before and just after a pass, as a diff. */
function printChange(model: Module, pass: string, options: InspectOptions, session: Session): void {
  const graphs: [string, string][] = [["", printGraph(model)]];
  const recorded = optimizeModel(
    model,
    jsTarget,
    pass === "all" ? options : { ...options, stopAfter: pass },
    session,
    (name, module) => graphs.push([name, printGraph(module)]),
  );
  if (!recorded) return;
  const last = graphs.at(-1)?.[1] ?? "";
  const first = (pass === "all" ? graphs[0] : graphs.at(-2))?.[1] ?? last;
  const lines = diffText(first, last);
  const colors = pc.createColors(session.terminal.color);
  const paint = { same: (text: string) => text, removed: colors.red, added: colors.green };
  const text = printDiff(lines, (kind, line) => paint[kind](line));
  session.terminal.out(text === "" ? `${pass} changed nothing\n` : `${text}\n`);
}
