// `cleave init`: makes a web page around a compiled model.

import type { Command } from "commander";
import type { Session } from "../session/session.js";

export function addInit(root: Command, session: Session): void {
  root
    .command("init")
    .description("make a web page around a model, which it runs on pictures; Vite serves and builds it")
    .argument("<dir>", "the new folder")
    .argument(
      "[model]",
      "a model that takes pictures; by default a trained example, which classifies clothes",
    )
    .argument("[options...]", "options of `cleave compile` for the model")
    .usage("<dir> [model] [options of `cleave compile`]")
    .addHelpText("after", help)
    // `cleave compile` knows them, or does not.
    .allowUnknownOption()
    .action(
      async (dir: string, model: string | undefined, options: readonly string[], _, command: Command) => {
        if (dir.startsWith("-")) command.error(`error: a folder must come first, not ${dir}`);
        const { makePage } = await import("../actions/init.js");
        const compile = async (argv: readonly string[]): Promise<void> => {
          await root.parseAsync(["compile", ...argv], { from: "user" });
        };
        await makePage(dir, model === undefined ? [] : [model, ...options], compile, session);
      },
    );
}

const help = `
Examples:
  cleave init page
  cleave init page faces.onnx --scale 1/127.5 --mean 1 --fit contain
  cleave init page net.onnx --dim height=224 --dim width=224 --labels labels.txt --task classify
`;
