// `cleave init`: makes a web page around a compiled model.

import { Command } from "commander";
import type { CompileLine, CompileWords } from "../actions/init.js";
import type { Session } from "../session/session.js";
import type { CompileAction } from "./compile.js";
import { addCompile } from "./compile.js";

export function addInit(root: Command, session: Session): void {
  root
    .command("init")
    .description("make a web page around a model, which it runs on pictures; Vite serves and builds it")
    .argument("<dir>", "the new folder")
    .argument(
      "[model]",
      "a model that takes pictures, and nothing else; by default a trained example, which classifies clothes",
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
        const words = model === undefined ? [] : [model, ...options].filter((word) => word !== "--");
        await makePage(dir, words, compileWords(root, session), session);
      },
    );
}

/** Reads words as `cleave compile` does, without compiling. */
function compileWords(root: Command, session: Session): CompileWords {
  const reader = (action: CompileAction): readonly [Command, Command] => {
    const program = new Command(root.name()).copyInheritedSettings(root);
    const compile = addCompile(program, session, action);
    compile.showHelpAfterError("(`cleave compile --help` lists its options)");
    return [program, compile];
  };
  return {
    hasModel(words) {
      const [, compile] = reader(async () => {});
      return compile.parseOptions([...words]).operands.length > 0;
    },
    async read(words) {
      const lines: CompileLine[] = [];
      const [program] = reader(async (path, options) => void lines.push({ path, options }));
      await program.parseAsync(["compile", ...words], { from: "user" });
      return lines[0];
    },
  };
}

const help = `
Examples:
  cleave init page
  cleave init page --target js
  cleave init page faces.onnx --scale 1/127.5 --mean 1 --fit contain
  cleave init page net.onnx --dim height=224 --dim width=224 --labels labels.txt --task classify
`;
