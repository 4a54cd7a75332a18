// Reads models and rules from files.

import { given } from "#diagnostic/given.js";
import { expectArgument, expectList, expectText, hasProperties } from "#diagnostic/argument.js";
import type { OptionKinds } from "#diagnostic/options.js";
import { aText, expectOptions } from "#diagnostic/options.js";
import { dirname, isAbsolute, join } from "node:path";
import { parse } from "#grammar/reading/parse.js";
import type { Ast } from "#grammar/ast.js";
import type { RuleSet } from "#compile/rules.js";
import { joinRules, noRules, parseRules, rulesOf } from "#compile/rules.js";
import type { Diagnostic, Result } from "#diagnostic/diagnostic.js";
import { error, hasErrors } from "#diagnostic/diagnostic.js";
import type { Elaborated } from "#elaborate/elaborate.js";
import { checkFile, elaborate } from "#elaborate/elaborate.js";
import type { ImportFiles } from "#elaborate/imports.js";
import { importKinds } from "#import/options/import-options.js";
import { fixInputs } from "#import/options/fix-inputs.js";
import type { WeightFiles } from "#ir/weights.js";
import { openWeightFile } from "#weights/file.js";
import type { ImportFileOptions } from "./import-file.js";
import { importFile, isImported, openModelWeights, wrongForImported } from "./import-file.js";
import { readText } from "./read-file.js";

/** A result with the source texts of its diagnostics, by file. */
export interface FileResult<T> extends Result<T> {
  readonly sources: ReadonlyMap<string, string>;
}

/** What `readModel` takes. */
export interface ReadOptions extends ImportFileOptions {
  /** Which net of a `.net` file, if it has several. */
  readonly net?: string;
  /** Path of the weight file, instead of the one that the net names. */
  readonly weights?: string;
}

const { file: _, openData: __, ...imported } = importKinds;

const readKinds: OptionKinds<ReadOptions> = { ...imported, net: aText, weights: aText };

/** A model that was read from files. */
export interface Model extends Elaborated {
  readonly sources: ReadonlyMap<string, string>;
  /** The files from which it was read, which no output may overwrite. */
  readonly files: readonly string[];
  /** The rules and fusions of its file, for `optimize`. */
  readonly rules: RuleSet;
}

/** Reads a `.net` file and its weights, or a model of another format: an `.onnx` file, or the `model.json` of TensorFlow.js. */
export function readModel(path: string, options: ReadOptions = {}): FileResult<Model> {
  expectText("readModel", "a path", path);
  expectOptions("readModel", options, readKinds);
  if (isImported(path)) return readImported(path, options);
  const wrong = wrongForNet(options);
  if (wrong.length > 0) return { diagnostics: wrong, sources: new Map() };
  const text = readText(path);
  if (text.value === undefined) return { diagnostics: text.diagnostics, sources: new Map() };
  const sources = new Map([[path, text.value]]);
  const ast = parse(text.value, path);
  if (!ast.value || hasErrors(ast.diagnostics))
    return { diagnostics: [...ast.diagnostics, ...checkNets(ast.partial, options, sources)], sources };
  const files = [path];
  const { value, diagnostics } = elaborate(ast.value, {
    imports: importFilesBeside(sources, files),
    weights: weightFilesBeside(path, options.weights, files),
    ...given({ weightsPath: options.weights, net: options.net, dims: options.dims }),
  });
  const fixed = value && fixInputs(value, options.constants ?? {}, path);
  const rules = rulesOf(ast.value);
  const all = [...ast.diagnostics, ...diagnostics, ...(fixed?.diagnostics ?? []), ...rules.diagnostics];
  return fixed?.value && rules.value
    ? { value: { ...fixed.value, sources, files, rules: rules.value }, diagnostics: all, sources }
    : { diagnostics: all, sources };
}

/** Reports options that are only for models of other formats, for a `.net` file. */
function wrongForNet({ inputs = [], outputs = [] }: ReadOptions): Diagnostic[] {
  const wrong = (option: string, help: string): Diagnostic =>
    error("wrong-option", `${option} is for models of other formats`, { help: [help] });
  return [
    ...(inputs.length > 0
      ? [wrong("--inputs", "a .net file declares its inputs itself: `input x: f32[1, 8]`")]
      : []),
    ...(outputs.length > 0
      ? [wrong("--outputs", "a .net file declares its outputs itself: `output x`")]
      : []),
  ];
}

function readImported(path: string, options: ReadOptions): FileResult<Model> {
  const sources = new Map<string, string>();
  const wrong = wrongForImported(path, options);
  if (wrong) return { ...wrong, sources };
  const files: string[] = [];
  const { value, diagnostics } = importFile(path, options, files);
  return value
    ? { value: { ...value, seeded: false, sources, files, rules: noRules }, diagnostics, sources }
    : { diagnostics, sources };
}

/**
 * The errors of all nets of a file, and of what it imports; each net is elaborated separately. Nets with syntax errors are left out. `sources`
 * gets the texts of imported files.
 */
export function checkNets(
  ast: Ast,
  options: ReadOptions = {},
  sources: Map<string, string> = new Map(),
): Diagnostic[] {
  expectArgument("checkNets", "a syntax tree, as `parse` gives it", ast, hasProperties(ast, "items"));
  expectOptions("checkNets", options, readKinds);
  const nets = ast.items.filter((item) => item.kind === "net").map((item) => item.name.text);
  const chosen = (options.net === undefined ? nets : [options.net]).filter(
    (net) => !ast.incomplete?.has(net),
  );
  const imports = importFilesBeside(sources, []);
  const seen = new Set<string>();
  const wrong = wrongForNet(options);
  if (wrong.length > 0) return wrong;
  // A file of blocks has no net that would show its errors.
  if (chosen.length === 0) return checkFile(ast, { imports });
  return chosen
    .flatMap((net) => {
      const { value, diagnostics } = elaborate(ast, {
        net,
        imports,
        weights: weightFilesBeside(ast.file, options.weights, []),
        ...given({ weightsPath: options.weights, dims: options.dims }),
      });
      const fixed = value ? fixInputs(value, options.constants ?? {}, ast.file).diagnostics : [];
      return [...diagnostics, ...fixed];
    })
    .filter((one) => {
      // Errors of the file as a whole are found once per net.
      const key = JSON.stringify(one);
      return seen.has(key) ? false : (seen.add(key), true);
    });
}

/** Reads the rules and fusions of `.net` files, in order. */
export function readRules(paths: readonly string[]): FileResult<RuleSet> {
  expectList("readRules", "a list of paths", paths);
  const sources = new Map<string, string>();
  const diagnostics: Diagnostic[] = [];
  const sets: RuleSet[] = [];
  for (const path of paths) {
    const text = readText(path);
    for (const one of text.diagnostics) diagnostics.push(one);
    if (text.value === undefined) continue;
    sources.set(path, text.value);
    const set = parseRules(text.value, path);
    for (const one of set.diagnostics) diagnostics.push(one);
    if (!set.value) continue;
    sets.push(set.value);
    if (set.value.rules.length + set.value.fusions.length === 0)
      diagnostics.push(
        error("no-rules", `${path} has no rules and no fusions`, {
          help: ["a rule is written `rule name: left => right`, a fusion `fuse name: link -> link`"],
        }),
      );
  }
  if (hasErrors(diagnostics)) return { diagnostics, sources };
  return { value: joinRules(sets), diagnostics, sources };
}

/** Opens imported files by paths relative to the file that imports them; their texts are added to `sources`, their paths to `files`. */
export function importFilesBeside(sources: Map<string, string>, files: string[]): ImportFiles {
  return {
    open: (path, from) => {
      const file = isAbsolute(path) ? path : join(dirname(from), path);
      const text = readText(file);
      if (text.value === undefined) {
        const help = ["its path is relative to the file that imports it"];
        return { diagnostics: text.diagnostics.map((one) => ({ ...one, help: one.help ?? help })) };
      }
      sources.set(file, text.value);
      if (!files.includes(file)) files.push(file);
      return { value: { file, text: text.value }, diagnostics: [] };
    },
  };
}

/** Opens weight files by paths relative to the model; a path of the caller is relative to the working folder. */
export function weightFilesBeside(model: string, given: string | undefined, files: string[]): WeightFiles {
  return {
    open: (name) => {
      const path = name === given || isAbsolute(name) ? name : join(dirname(model), name);
      files.push(path);
      const opened = isImported(path) ? openModelWeights(path) : openWeightFile(path);
      const help = ["its path is relative to the model; --weights FILE names another file"];
      return opened.value || name === given
        ? opened
        : {
            diagnostics: opened.diagnostics.map((one) =>
              one.code === "cannot-read" ? { ...one, help } : one,
            ),
          };
    },
  };
}
