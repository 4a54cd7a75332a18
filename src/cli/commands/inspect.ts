// `cleave inspect`: shows the graph after any pass, as text, JSON, DOT, SVG, PNG or kernels, the differences between two graphs, or all of it in a page.

import type { Command } from "commander";
import { Option } from "commander";
import type { InspectFormat, InspectOptions } from "../actions/inspect.js";
import { withPageOptions } from "../options/film.js";
import { modelHelp, withModelOptions } from "../options/model.js";
import { withPassOptions } from "../options/passes.js";
import type { Session } from "../session/session.js";

const formats: readonly InspectFormat[] = ["text", "json", "dot", "svg", "png", "kernels"];

export function addInspect(root: Command, session: Session): void {
  const command = withPassOptions(withModelOptions(root.command("inspect")))
    .description("show the graph of a model")
    .argument("<model>", modelHelp)
    .addOption(
      new Option("--format <format>", "output format; `kernels` is the kernel IR, after all passes")
        .choices(formats)
        .default("text"),
    )
    .option("--json", "the same as --format json")
    .option("--after <pass>", "the graph after this pass, or after `all`; by default as written")
    .option(
      "--diff <what>",
      "show the changes by a pass, by `all` passes, from pass A to pass B (A..B), or from this model to another file",
    )
    .option("-o, --output <file>", "write to a file instead of stdout");
  withPageOptions(command).action(async (path: string, options: InspectOptions) => {
    const { inspectModel } = await import("../actions/inspect.js");
    await inspectModel(path, options.json ? { ...options, format: "json" } : options, session);
  });
}
