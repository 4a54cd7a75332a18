// The action of `cleave init`: compiles a model into a new folder, and writes a web page around it.

import { readdirSync } from "node:fs";
import { join, relative, resolve, sep } from "node:path";
import { error } from "#diagnostic/diagnostic.js";
import type { Diagnostic } from "#diagnostic/diagnostic.js";
import { lineText } from "#diagnostic/escape.js";
import { readText } from "#node/read-file.js";
import { reason } from "#node/reason.js";
import { writeFileAtomically } from "#node/write-file.js";
import { exit, report } from "../output/terminal.js";
import { pageFiles } from "../page/files.js";
import { quoted } from "../page/quoted.js";
import type { Session } from "../session/session.js";

/** The folder of the package, from `src/cli/actions/` or `dist/src/cli/actions/`. */
const root = import.meta.dirname.replace(/([/\\]dist)?[/\\]src[/\\]cli[/\\]actions$/, "");

/** What is compiled if no model is named. */
const example = {
  model: join(root, "examples/fm_mobile.net"),
  options: ["--labels", join(root, "examples/fashion_mnist.labels.txt"), "--task", "classify"],
  pictures: join(root, "examples/images"),
};

/**
 * Makes a folder with a page, and its net in `model/`. `words` are a model, if one is named, and options for it. `compile` runs `cleave compile`; if it fails, no page is written. The script that
 * compiles again calls this same Cleave, from the folder in which the command was called, so that all paths mean the same.
 */
export async function makePage(
  dir: string,
  words: readonly string[],
  compile: (argv: readonly string[]) => Promise<void>,
  session: Session,
): Promise<void> {
  const { terminal } = session;
  const [model, ...options] = words.filter((word) => word !== "--");
  const problem = wordProblem(dir, model, options) ?? folderProblem(dir);
  if (problem) {
    session.code = report(terminal, [problem], new Map());
    return;
  }
  const here = process.cwd();
  const chosen =
    model === undefined
      ? [example.model, ...example.options].map((path) =>
          path.startsWith(root) ? shown(relative(here, path)) : path,
        )
      : [model, ...options];
  const argv = [
    ...chosen,
    ...(options.includes("--image") ? [] : ["--image"]),
    ...(options.some((option) => /^--target(=|$)/.test(option)) ? [] : ["--target", "auto"]),
    "-o",
    shown(join(dir, "model")),
  ];
  await compile(argv);
  if (session.code !== exit.done) return;
  const command = ["node", shown(relative(here, join(root, "dist/src/cli/main.js"))), "compile", ...argv];
  const back = shown(relative(resolve(dir), here));
  const script = `${back === "" ? "" : `cd ${quoted(back)} && `}${command.map(quoted).join(" ")}`;
  const module = readdirSync(join(dir, "model")).find((file) => file.endsWith(".mjs"));
  if (module === undefined) return;
  const types = readText(join(dir, "model", module.replace(/\.mjs$/, ".d.ts"))).value ?? "";
  const files = pageFiles({ module, script, classifies: /\bclassify\(/.test(types) });
  for (const [name, text] of Object.entries(files)) {
    const written = writeFileAtomically(join(dir, name), text);
    if (!written.value) {
      session.code = report(terminal, written.diagnostics, new Map());
      return;
    }
  }
  terminal.out(
    `wrote ${Object.keys(files)
      .map((name) => lineText(join(dir, name)))
      .join(", ")}\n`,
  );
  const enter = resolve(dir) === here ? "" : `  cd ${quoted(dir)}\n`;
  terminal.out(`\nNow:\n${enter}  npm install\n  npm run dev\n`);
  if (model === undefined)
    terminal.out(`\nIt knows clothes on a black ground, such as those in ${lineText(example.pictures)}\n`);
}

/** Why a page cannot be made with a model and options of `cleave compile`. */
function wordProblem(
  dir: string,
  model: string | undefined,
  options: readonly string[],
): Diagnostic | undefined {
  if (model?.startsWith("-"))
    return error("cannot-read", "options need a model before them", {
      help: [`for example cleave init ${lineText(dir)} model.onnx ${lineText(model)}`],
    });
  const own = options.find((option) => /^(--(format|output|json)(=|$)|-o)/.test(option));
  if (own === undefined) return undefined;
  return error(
    "wrong-option",
    `${lineText(own)} has no place here: the page imports an ES module from its folder model`,
    { help: ["cleave compile writes other modules, into any folder"] },
  );
}

/** Why a page cannot be made in a folder. A repository of Git may be there already. */
function folderProblem(dir: string): Diagnostic | undefined {
  if (dir === "") return error("cannot-write", "the folder has no name");
  try {
    const there = readdirSync(dir).filter((name) => name !== ".git");
    if (there.length === 0) return undefined;
    return error("cannot-write", `${lineText(dir)} is not empty: it has ${lineText(there[0] ?? "")}`, {
      help: ["name a folder that is new or empty"],
    });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    return error("cannot-write", `cannot make a page in ${lineText(dir)}: ${reason(cause)}`);
  }
}

/** A path as the script of any system has it. */
function shown(path: string): string {
  return path.replaceAll(sep, "/");
}
