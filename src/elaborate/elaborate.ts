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
import { checkItems } from "./check-items.js";
import { evaluate } from "./expressions.js";
import { openWeights, reportMissing } from "./weight-file.js";
import { evaluateFileConst, runStatements } from "./statements.js";
import type { Elaboration, Observer, Scope } from "./elaboration.js";
import type { FileScope } from "./expression-value.js";
import { fail, typeOf } from "./elaboration.js";
import { refuseTooLarge } from "./expansion.js";
import { reportDimensions } from "./dimensions.js";
import { withPictures } from "./pictures.js";

/** What `elaborate` takes. */
export interface ElaborateOptions {
  /** Which net of the file; needed only if there are several. */
  readonly net?: string;
  /** Values of symbolic dimensions, and values that override consts of the net or the file. */
  readonly dims?: ReadonlyMap<string, number>;
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
  const diagnostics = checkItems(ast);
  const net = chooseNet(ast, options.net, diagnostics);
  if (!net) return { diagnostics };
  const state = initialState(ast, options, diagnostics, observer);
  for (const item of ast.items) if (item.kind === "const") evaluateFileConst(state, state.file, item, true);
  openWeights(state, net, options.weights, options.weightsPath);
  const stops = hasErrors(diagnostics);
  const before = inReadingOrder(diagnostics);
  if (stops && !observer) return { diagnostics: before };

  refuseTooLarge(state, net);
  runStatements(state, netScope(state), net.body);
  // Further errors may only be consequences.
  if (stops) return { diagnostics: before };
  return finished(state, net);
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
  const { file } = name.span;
  const body: Statement[] = [];
  const net: NetItem = { kind: "net", name, body, span: name.span };
  const diagnostics: Diagnostic[] = [];
  const state = initialState({ file, items: [net], comments: [] }, options, diagnostics);
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
  if (state.outputs.size === 0 && !hasErrors(diagnostics)) {
    fail(state, net.name.span, "no-output", `net \`${net.name.text}\` has no output`, {
      help: ["end it with `output name`"],
    });
  }
  if (hasErrors(diagnostics)) return { diagnostics: inReadingOrder(diagnostics) };
  const graph = withPictures(state, graphOf(state, net));
  if (hasErrors(diagnostics)) return { diagnostics: inReadingOrder(diagnostics) };
  return {
    value: { graph, name: graph.name, weights: state.store, seeded: state.seeded },
    diagnostics: inReadingOrder(diagnostics),
  };
}

function initialState(
  ast: Ast,
  options: ElaborateOptions,
  diagnostics: Diagnostic[],
  observer?: Observer,
): Elaboration {
  return {
    walk: { evaluate, run: runStatements },
    observer,
    store: options.store ?? createWeightStore(),
    file: fileScopeOf(ast),
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
    batch: undefined,
    kernel: undefined,
    failures: 0,
    steps: 0,
    full: false,
  };
}

/** The blocks of a file; its consts are added when they are evaluated. */
function fileScopeOf(ast: Ast): FileScope {
  const file: FileScope = { blocks: new Map(), constants: new Map() };
  for (const item of ast.items)
    if (item.kind === "block") file.blocks.set(item.name.text, { block: item, file });
  return file;
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

function inReadingOrder(diagnostics: readonly Diagnostic[]): Diagnostic[] {
  return diagnostics.toSorted((a, b) => (a.span?.start ?? 0) - (b.span?.start ?? 0));
}
