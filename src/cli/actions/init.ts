// The action of `cleave init`: compiles a model into a new folder, and writes a web page around it.

import { readdirSync } from "node:fs";
import { join, relative, resolve, sep } from "node:path";
import { error } from "#diagnostic/diagnostic.js";
import type { Diagnostic } from "#diagnostic/diagnostic.js";
import { lineText } from "#diagnostic/escape.js";
import type { Graph, Node } from "#ir/graph.js";
import { inputNodes } from "#ir/graph.js";
import { reason } from "#node/reason.js";
import { writeFileAtomically } from "#node/write-file.js";
import type { CompileOptions } from "./compile.js";
import { readForCompile, writeCompiled } from "./compile.js";
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

/** A command line of `cleave compile`. */
export interface CompileLine {
  readonly path: string;
  readonly options: CompileOptions;
}

/** How `cleave compile` reads words. */
export interface CompileWords {
  /** Whether one of the words is a model, not an option or its value. */
  hasModel(words: readonly string[]): boolean;
  /** Throws a CommanderError if the words are wrong. */
  read(words: readonly string[]): Promise<CompileLine | undefined>;
}

/**
 * Makes a folder with a page, and its net in `model/`. `words` are options of `cleave compile`, and a model; without one, the example.
 * The script that compiles again calls this same Cleave, from the folder in which the command was called, so that all paths mean the same.
 */
export async function makePage(
  dir: string,
  words: readonly string[],
  compile: CompileWords,
  session: Session,
): Promise<void> {
  const { terminal } = session;
  const fail = (problems: readonly Diagnostic[], sources: ReadonlyMap<string, string> = new Map()): void => {
    session.code = report(terminal, problems, sources);
  };
  const problem = wordProblem(words) ?? folderProblem(dir);
  if (problem) return fail([problem]);
  const here = process.cwd();
  const isExample = !compile.hasModel(words);
  const ofExample = [example.model, ...example.options].map((path) =>
    path.startsWith(root) ? shown(relative(here, path)) : path,
  );
  const argv = [
    ...(isExample ? ofExample : []),
    ...words,
    ...(words.includes("--image") ? [] : ["--image"]),
    ...(words.some((word) => /^--target(=|$)/.test(word)) ? [] : ["--target", "auto"]),
    "-o",
    shown(join(dir, "model")),
  ];
  const line = await compile.read(argv);
  const model = line && readForCompile(line.path, line.options, session);
  if (!model) return;
  const unfit = modelProblem(model.graph);
  if (unfit) return fail([unfit], model.sources);
  await writeCompiled(model, line.options, session);
  if (session.code !== exit.done) return;
  const command = ["node", shown(relative(here, join(root, "dist/src/cli/main.js"))), "compile", ...argv];
  const back = shown(relative(resolve(dir), here));
  const script = `${back === "" ? "" : `cd ${quoted(back)} && `}${command.map(quoted).join(" ")}`;
  const module = readdirSync(join(dir, "model")).find((file) => file.endsWith(".mjs"));
  if (module === undefined) return;
  const files = pageFiles({ module, script, classifies: line.options.task === "classify" });
  for (const [name, text] of Object.entries(files)) {
    const written = writeFileAtomically(join(dir, name), text);
    if (!written.value) return fail(written.diagnostics);
  }
  terminal.out(
    `wrote ${Object.keys(files)
      .map((name) => lineText(join(dir, name)))
      .join(", ")}\n`,
  );
  const enter = resolve(dir) === here ? "" : `  cd ${quoted(dir)}\n`;
  terminal.out(`\nNow:\n${enter}  npm install\n  npm run dev\n`);
  if (isExample)
    terminal.out(`\nIt knows clothes on a black ground, such as those in ${lineText(example.pictures)}\n`);
}

/** Why a page cannot be made with some words. */
function wordProblem(words: readonly string[]): Diagnostic | undefined {
  const own = words.find((word) => /^(--(format|output|json)(=|$)|-o)/.test(word));
  if (own === undefined) return undefined;
  return error(
    "wrong-option",
    `${lineText(own)} has no place here: the page imports an ES module from its folder model`,
    { help: ["cleave compile writes other modules, into any folder"] },
  );
}

/** Why the page cannot run a net: it gives one picture, and nothing else. */
function modelProblem(graph: Graph): Diagnostic | undefined {
  const inputs = inputNodes(graph);
  const chosen = inputs.find(({ name }) => graph.pictures?.has(name));
  const others = inputs.filter((input) => input !== chosen);
  if (others.length === 0) return batchProblem(graph.name, chosen);
  const list = inputs.map(({ name, type }) => `${name} [${type.shape.join(", ")}]`).join(", ");
  const constants = others.map(({ name }) => `--constant ${name}=VALUE`).join(" ");
  return error(
    "wrong-input",
    `the page gives a net one picture, but ${graph.name} has ${inputs.length} inputs: ${list}`,
    {
      help: [
        `${constants} ${others.length === 1 ? "makes the other one a constant" : "makes the others constants"}`,
      ],
    },
  );
}

/** Why the page cannot run a net with this input: it takes several pictures at once. */
function batchProblem(net: string, input: Node | undefined): Diagnostic | undefined {
  const batch = input?.type.shape[0] ?? 1;
  if (batch === 1) return undefined;
  return error("wrong-input", `the page gives a net one picture, but ${net} takes ${batch} at once`, {
    help: ["make the batch of the model 1, or leave it open"],
  });
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
