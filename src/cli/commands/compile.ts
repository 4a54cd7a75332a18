// `cleave compile`: compiles a model into one ES module, its types and its packed weights.

import type { Command } from "commander";
import { Option } from "commander";
import { formats } from "#backend/format.js";
import type { Task } from "#compile/classifier.js";
import type { CompileOptions } from "../actions/compile.js";
import { withFitOptions } from "../options/fit.js";
import { pictureHeading, withPictureOptions } from "../options/image.js";
import { modelHelp, withModelOptions } from "../options/model.js";
import { withPassOptions } from "../options/passes.js";
import { withQuantizeOption } from "../options/quantize.js";
import type { Session } from "../session/session.js";

/** As in `src/compile/classifier.ts`, which would load the compiler. */
const tasks: readonly Task[] = ["classify"];

/** What is done with the model and the options of a command line. */
export type CompileAction = (path: string, options: CompileOptions) => Promise<void>;

/** Adds the command. `cleave init` takes the same options, with an action of its own. */
export function addCompile(
  root: Command,
  session: Session,
  action: CompileAction = async (path, options) => {
    const { compileModel } = await import("../actions/compile.js");
    await compileModel(path, options, session);
  },
): Command {
  return withPictureOptions(
    withQuantizeOption(
      withFitOptions(withPassOptions(withModelOptions(root.command("compile")), { several: true })),
    ),
  )
    .description("compile a model into one ES module")
    .argument("<model>", modelHelp)
    .option("-o, --output <dir>", "folder for the files", ".")
    .addOption(
      new Option(
        "--format <format>",
        "esm: an ES module; cjs: a CommonJS module for Node; iife: a classic script, which adds the net to the global `cleave`",
      )
        .choices(formats)
        .default("esm"),
    )
    .option("--embed-weights", "put the weights into the module")
    .option(
      "--worker-file",
      "target wasm: write the script of threads as a file, for pages that forbid blobs as workers",
    )
    .addOption(
      new Option("--emit <what>", "also write the shaders of the target wgsl as files").choices(["wgsl"]),
    )
    .addOption(
      new Option("--task <what>", "what the net does beside `run`: `classify` gives the classes of pictures")
        .choices(tasks)
        .helpGroup(pictureHeading),
    )
    .option("--json", "print the written files as JSON")
    .action(action);
}
