// Elaboration: makes a graph and its weights from the syntax tree of a net.

import { given } from "#diagnostic/given.js";
import type { Ast, Name, NetItem, Statement } from "#grammar/ast.js";
import { expectArgument, hasProperties } from "#diagnostic/argument.js";
import type { OptionKinds } from "#diagnostic/options.js";
import { aBoolean, anObject, aNumber, aText, expectOptions, mapOf } from "#diagnostic/options.js";
import type { Diagnostic, Result } from "#diagnostic/diagnostic.js";
import { error, hasErrors } from "#diagnostic/diagnostic.js";
import { didYouMean } from "#diagnostic/suggest.js";
import type { Graph } from "#ir/graph.js";
import type { TensorType } from "#ir/type.js";
import type { Module, WeightFiles, WeightStore } from "#ir/weights.js";
import { createWeightStore } from "#weights/store.js";
import type { ImportFiles } from "./imports.js";
import { linkFiles } from "./imports.js";
import { evaluate } from "./expressions.js";
import type { Doc } from "./docs.js";
import { docsOf } from "./docs.js";
import { openWeights, reportMissing } from "./weight-file.js";
import { evaluateFileConst, runStatements } from "./statements.js";
import type { Elaboration, Observer, Scope } from "./elaboration.js";
import type { FileScope } from "./expression-value.js";
import { fail, typeOf } from "./elaboration.js";
import { refuseTooLarge } from "./expansion.js";
import { reportDimensions } from "./dimensions.js";
import { withPictures } from "./pictures.js";
import { deadLayers, unreadWeights } from "./warnings/unread.js";
import { unusedOf } from "./warnings/unused.js";

/** What `elaborate` takes. */
export interface ElaborateOptions {
  /** Which net of the file; needed only if there are several. */
  readonly net?: string;
  /** Values of symbolic dimensions, and values that override consts of the net, of the file, or of other files from which it imports them. */
  readonly dims?: ReadonlyMap<string, number>;
  /** Opens the files of `import` items. Without it, a file that imports is an error. */
  readonly imports?: ImportFiles;
  /** Opens the file of a `weights` statement, or `weightsPath`. Without it, a net that names weights is an error. */
  readonly weights?: WeightFiles;
  /** Opened instead of the file that the net names. */
  readonly weightsPath?: string;
  /** The store to which weights are added; a new one by default. Dumps refer to the store of their graph. */
  readonly store?: WeightStore;
  /** If true, a net without weights is an error; by default its parameters are seeded random values. */
  readonly seedless?: boolean;
}

export const elaborateKinds: OptionKinds<ElaborateOptions> = {
  net: aText,
  dims: mapOf("numbers by name", aNumber),
  imports: anObject("an object that opens imported files, `{ open }`", "open"),
  weights: anObject("an object that opens weight files, `{ open }`", "open"),
  weightsPath: aText,
  store: anObject("a weight store", "add", "read"),
  seedless: aBoolean,
};

/** A net as a graph. */
export interface Elaborated extends Module {
  readonly name: string;
  /** True if the net names no weights, so that its parameters are seeded random values. */
  readonly seeded: boolean;
  /** What the doc comments of the file say. */
  readonly docs?: readonly Doc[];
}

/**
 * The graph of a net, or all its errors, in reading order. An open batch is 1 in all shapes; `Graph.batch` has its symbol.
 */
export function elaborate(ast: Ast, options: ElaborateOptions = {}): Result<Elaborated> {
  expectArgument("elaborate", "a syntax tree, as `parse` gives it", ast, hasProperties(ast, "items"));
  expectOptions("elaborate", options, elaborateKinds);
  return elaborateObserved(ast, options, undefined);
}

/** Like `elaborate`. An observer sees what each statement does, also behind errors for which `elaborate` stops. */
export function elaborateObserved(
  ast: Ast,
  options: ElaborateOptions,
  observer: Observer | undefined,
): Result<Elaborated> {
  const diagnostics: Diagnostic[] = [];
  const { state, importErrors } = openFiles(ast, options, diagnostics, observer);
  const net = chooseNet(ast, options.net, diagnostics);
  if (!net) return { diagnostics: inReadingOrder(ast, [...diagnostics, ...importErrors]) };
  openWeights(state, net, options.weights, options.weightsPath);
  const stops = hasErrors(diagnostics);
  const before = inReadingOrder(ast, [...diagnostics, ...importErrors]);
  if (stops && !observer) return { diagnostics: before };

  refuseTooLarge(state, net);
  runStatements(state, netScope(state), net.body);
  // Further errors may only be consequences.
  if (stops) return { diagnostics: before };
  for (const one of importErrors) diagnostics.push(one);
  const result = finished(state, net);
  if (!result.value) return result;
  const { warnings, known } = unusedOf(ast, net);
  for (const one of [...warnings, ...(known ? deadLayers(state, known) : []), ...unreadWeights(state)])
    diagnostics.push(one);
  return {
    value: { ...result.value, docs: docsOf(ast, net) },
    diagnostics: inReadingOrder(ast, diagnostics),
  };
}

/** The errors of a file's items and of the files that it imports, without those of its nets. */
export function checkFile(ast: Ast, options: ElaborateOptions = {}): Diagnostic[] {
  const diagnostics: Diagnostic[] = [];
  const { importErrors } = openFiles(ast, options, diagnostics);
  return inReadingOrder(ast, [...diagnostics, ...importErrors]);
}

/** Reads the imports of a file, and evaluates the consts of all files. */
function openFiles(
  ast: Ast,
  options: ElaborateOptions,
  diagnostics: Diagnostic[],
  observer?: Observer,
): { readonly state: Elaboration; readonly importErrors: readonly Diagnostic[] } {
  const { files, importErrors } = linkFiles(ast, options.imports, diagnostics);
  const main = files.at(-1);
  const own = main?.scope ?? emptyScope();
  const state = initialState(own, options, diagnostics, observer);
  // `dims` override what the model's file itself names: its consts, and those that it imports.
  const mayOverride = (scope: FileScope, constant: string): boolean =>
    scope === own ||
    (main?.imported ?? []).some(({ name, from }) => from === scope && name.text === constant);
  for (const { ast: one, scope, imported } of files) {
    for (const { name, from } of imported) {
      const value = from.constants.get(name.text);
      if (value) scope.constants.set(name.text, value);
    }
    for (const item of one.items)
      if (item.kind === "const") evaluateFileConst(state, scope, item, mayOverride(scope, item.name.text));
  }
  return { state, importErrors };
}

function emptyScope(): FileScope {
  return { blocks: new Map(), constants: new Map(), incomplete: new Set() };
}

/** A net whose statements come one by one from a program; see `src/build`. */
export interface OpenNet {
  readonly store: WeightStore;
  /** All errors so far. */
  readonly diagnostics: readonly Diagnostic[];
  /** Runs a statement in the scope of the net. */
  run(statement: Statement): void;
  /** The type of the tensor that a name is bound to; undefined after an error in it. */
  typeOf(name: string): TensorType | undefined;
  /** What `elaborate` gives for all statements so far. */
  finish(): Result<Elaborated>;
}

/** Begins a net without statements. */
export function openNet(name: Name, options: ElaborateOptions): OpenNet {
  const body: Statement[] = [];
  const net: NetItem = { kind: "net", name, body, span: name.span };
  const diagnostics: Diagnostic[] = [];
  const state = initialState(emptyScope(), options, diagnostics);
  const scope = netScope(state);
  openWeights(state, net, options.weights, options.weightsPath);
  return {
    store: state.store,
    diagnostics,
    run: (statement) => {
      body.push(statement);
      runStatements(state, scope, [statement]);
    },
    typeOf: (bound) => {
      const value = scope.names.get(bound)?.value;
      return value?.kind === "tensor" ? typeOf(state, value.node) : undefined;
    },
    finish: () => finished(state, net),
  };
}

function netScope(state: Elaboration): Scope {
  return { names: new Map(), file: state.file, path: "", blocks: [], isNet: true };
}

/** The graph of a net whose statements have run, or all errors. */
function finished(state: Elaboration, net: NetItem): Result<Elaborated> {
  const { diagnostics } = state;
  reportMissing(state);
  reportDimensions(state, net);
  if (state.outputs.size === 0 && !state.failedOutput && !hasErrors(diagnostics)) {
    fail(state, net.name.span, "no-output", `net \`${net.name.text}\` has no output`, {
      help: ["end it with `output name`"],
    });
  }
  if (state.failedOutput || hasErrors(diagnostics))
    return { diagnostics: inReadingOrder(net.span, diagnostics) };
  const graph = withPictures(state, graphOf(state, net));
  if (hasErrors(diagnostics)) return { diagnostics: inReadingOrder(net.span, diagnostics) };
  return {
    value: { graph, name: graph.name, weights: state.store, seeded: state.seeded },
    diagnostics: inReadingOrder(net.span, diagnostics),
  };
}

function initialState(
  file: FileScope,
  options: ElaborateOptions,
  diagnostics: Diagnostic[],
  observer?: Observer,
): Elaboration {
  return {
    walk: { evaluate, run: runStatements },
    observer,
    store: options.store ?? createWeightStore(),
    file,
    dims: options.dims ?? new Map(),
    usedDims: new Set(),
    diagnostics,
    reported: new Set(),
    nodes: new Map(),
    places: new Map(),
    inputs: new Map(),
    outputs: new Map(),
    kernels: new Map(),
    pictures: new Map(),
    labels: new Map(),
    paths: new Map(),
    unbound: new Map(),
    missing: [],
    calls: [],
    batched: new Set(),
    fileKeys: undefined,
    weights: undefined,
    seedless: options.seedless ?? false,
    seeded: false,
    failedOutput: false,
    batch: undefined,
    kernel: undefined,
    failures: 0,
    steps: 0,
    full: false,
  };
}

function graphOf(state: Elaboration, net: NetItem): Graph {
  return {
    name: net.name.text,
    nodes: state.nodes,
    outputs: [...state.outputs].map(([name, { node }]) => ({
      name,
      node,
      ...(state.batch && !state.batched.has(node) ? { once: true as const } : {}),
    })),
    kernels: state.kernels,
    nextId: state.nodes.size,
    ...given({ batch: state.batch?.symbol }),
  };
}

function chooseNet(ast: Ast, name: string | undefined, diagnostics: Diagnostic[]): NetItem | undefined {
  const nets = ast.items.filter((item) => item.kind === "net");
  const names = nets.map((net) => net.name.text);
  if (name !== undefined) {
    const found = nets.find((net) => net.name.text === name);
    if (found) return found;
    const near = didYouMean(name, names);
    const all = names.length > 0 ? `it has ${names.join(", ")}` : "it has no net";
    diagnostics.push(
      error("unknown-net", `${ast.file} has no net \`${name}\``, { help: near.length > 0 ? near : [all] }),
    );
    return undefined;
  }
  const [net, second] = nets;
  if (!net) {
    diagnostics.push(
      error("no-net", `${ast.file} has no net`, { help: ["a model is written `net name { … output y }`"] }),
    );
  } else if (second) {
    diagnostics.push(
      error("several-nets", `${ast.file} has ${nets.length} nets: ${names.join(", ")}`, {
        span: second.name.span,
        others: [{ span: net.name.span, message: "the first one" }],
        help: [`choose one, with --net ${net.name.text}`],
      }),
    );
    return undefined;
  }
  return net;
}

/** By place; those of the model's own file first, then those of each file that it imports. */
function inReadingOrder({ file }: Pick<Ast, "file">, diagnostics: readonly Diagnostic[]): Diagnostic[] {
  const files = [file, ...new Set(diagnostics.flatMap(({ span }) => (span ? [span.file] : [])))];
  const order = new Map(files.toReversed().map((name, index) => [name, files.length - index]));
  const fileOf = ({ span }: Diagnostic): number => (span ? (order.get(span.file) ?? 0) : 0);
  return diagnostics.toSorted((a, b) => fileOf(a) - fileOf(b) || (a.span?.start ?? 0) - (b.span?.start ?? 0));
}
