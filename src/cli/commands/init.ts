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
    .argument("[options...]", "after `--`: options of `cleave compile` for the model")
    .addHelpText("after", help)
    .action(async (dir: string, model: string | undefined, options: readonly string[]) => {
      const { makePage } = await import("../actions/init.js");
      const compile = async (argv: readonly string[]): Promise<void> => {
        await root.parseAsync(["compile", ...argv], { from: "user" });
      };
      await makePage(dir, model, options, compile, session);
    });
}

const help = `
Examples:
  cleave init page
  cleave init page faces.onnx -- --scale 1/127.5 --mean 1 --fit contain
  cleave init page net.onnx -- --dim height=224 --dim width=224 --labels labels.txt --task classify
`;
