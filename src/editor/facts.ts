// What elaboration finds out about the places of a file: the values of names, with their shapes, and the costs of bindings.

import type { Diagnostic } from "#diagnostic/diagnostic.js";
import type { Ast, Name, Statement } from "#grammar/ast.js";
import { printName } from "#grammar/printing/print-name.js";
import { quote } from "#grammar/quote.js";
import { checkFile, elaborateObserved } from "#elaborate/elaborate.js";
import type { Elaboration, Observer } from "#elaborate/elaboration.js";
import type { Binding, ExpressionValue } from "#elaborate/expression-value.js";
import { given } from "#diagnostic/given.js";
import { nodeCost } from "#inspect/cost.js";
import type { NodeId } from "#ir/graph.js";
import type { TensorType } from "#ir/type.js";
import type { ImportFiles } from "#elaborate/imports.js";
import type { WeightFile, WeightFiles } from "#ir/weights.js";

/** One value that a name had. A name in a block or a `repeat` may have several. */
export interface Value {
  /** The type of a tensor. */
  readonly type?: TensorType;
  /** A value known at compile time, as it is written: `3`, `3x3`. */
  readonly known?: string;
  /** The costs of what its statement computes; absent for parameters of blocks. */
  readonly cost?: () => { readonly parameters: number; readonly macs: number };
}

/** The values of one name. */
export interface Values {
  /** The first of them. */
  readonly some: readonly Value[];
  /** How many there are. */
  readonly count: number;
}

export interface Facts {
  readonly diagnostics: readonly Diagnostic[];
  /** The values of a binding, by the offset of its name. */
  readonly values: ReadonlyMap<number, Values>;
  /** The weight files of the nets that could be opened. */
  readonly weights: readonly WeightFile[];
  /** Which binding each looked up name had, by the offset of the name; the offset of the binding, or of the argument for a parameter. */
  readonly found: ReadonlyMap<number, ReadonlySet<number>>;
}

export interface FactsOptions {
  readonly dims?: ReadonlyMap<string, number>;
  readonly weights?: WeightFiles;
  readonly imports?: ImportFiles;
  /** Whether to record `Facts.found`. */
  readonly lookups?: boolean;
}

/** Most values of a name that are kept. */
const mostValues = 64;

/** Elaborates all nets of a file, each for itself. The values are those that could be computed in spite of errors. */
export function factsOf(ast: Ast, { lookups = false, ...options }: FactsOptions = {}): Facts {
  const values = new Map<number, { some: Value[]; count: number }>();
  const found = new Map<number, Set<number>>();
  const weights = new Set<WeightFile>();
  const states = new Set<Elaboration>();
  const add = (start: number, value: Value): void => {
    const known = values.get(start);
    if (!known) values.set(start, { some: [value], count: 1 });
    else {
      known.count += 1;
      if (known.some.length < mostValues) known.some.push(value);
    }
  };
  const observer: Observer = {
    ran: (state, scope, statement, first) => {
      if (!states.has(state)) {
        states.add(state);
        if (state.weights) weights.add(state.weights);
        for (const binding of state.file.constants.values())
          if (binding.span.file === ast.file) add(binding.span.start, valueOf(state, binding, undefined));
      }
      // Offsets in imported files are none of this one.
      if (statement.span.file !== ast.file) return;
      for (const name of boundBy(statement)) {
        const binding = scope.names.get(name.text);
        if (binding) add(name.span.start, valueOf(state, binding, first));
      }
    },
    called: (state, scope, block) => {
      if (block.span.file !== ast.file) return;
      for (const { name } of block.parameters) {
        const binding = scope.names.get(name.text);
        if (binding) add(name.span.start, valueOf(state, binding, undefined));
      }
    },
    found: (span, binding) => {
      if (!lookups || span.file !== ast.file || binding.span.file !== ast.file) return;
      const known = found.get(span.start);
      if (known) known.add(binding.span.start);
      else found.set(span.start, new Set([binding.span.start]));
    },
  };
  const nets = ast.items.filter((item) => item.kind === "net").map(({ name }) => name.text);
  const seen = new Set<string>();
  const all =
    nets.length === 0
      ? checkFile(ast, given({ imports: options.imports }))
      : nets.flatMap((net) => {
          const { diagnostics } = elaborateObserved(ast, { ...given(options), net }, observer);
          // What is left of a net with a syntax error has values, but its errors could be consequences.
          return ast.incomplete?.has(net) ? [] : diagnostics;
        });
  const diagnostics = all.filter((one) => {
    // Editors have one list of sizes for all files.
    if (one.code === "unknown-dimension") return false;
    // Errors of the file as a whole are found once for each net.
    const key = JSON.stringify(one);
    return seen.has(key) ? false : (seen.add(key), true);
  });
  return { diagnostics, values, weights: [...weights], found };
}

/** The names that a statement itself binds; those of its body are seen when the body runs. */
function boundBy(statement: Statement): readonly Name[] {
  switch (statement.kind) {
    case "input":
    case "param":
    case "const":
    case "bind":
      return [statement.name];
    case "output":
      return statement.outputs.map(({ name }) => name);
    case "unpack":
      return statement.targets.map(({ name }) => name);
    case "repeat":
      return statement.index ? [statement.index] : [];
    case "if":
    case "assert":
    case "kernel":
    case "weights":
    case "return":
      return [];
    default:
      return statement satisfies never;
  }
}

function valueOf(state: Elaboration, { value }: Binding, first: NodeId | undefined): Value {
  if (value.kind !== "tensor") return given({ known: knownText(value) });
  const type = state.nodes.get(value.node)?.type;
  const end = state.nodes.size;
  return given({ type, cost: first === undefined ? undefined : () => costOf(state, first, end) });
}

/** A value known at compile time, as it is written. */
function knownText(value: Exclude<ExpressionValue, { kind: "tensor" }>): string | undefined {
  switch (value.kind) {
    case "number":
      return String(value.value);
    case "list":
      return value.size ? value.value.join("x") : `[${value.value.join(", ")}]`;
    case "string":
      return quote(value.value, '"');
    case "name":
      return value.value;
    case "callable":
      return printName(value.callee.kind === "op" ? value.callee.name : value.callee.block.name.text);
    case "batch":
    case "results":
    case "none":
      return undefined;
    default:
      return value satisfies never;
  }
}

/** The costs of the nodes `first` to `end`. */
function costOf(state: Elaboration, first: NodeId, end: NodeId): { parameters: number; macs: number } {
  const graph = { name: "", nodes: state.nodes, outputs: [], kernels: new Map(), nextId: end };
  let parameters = 0;
  let macs = 0;
  for (let id = first; id < end; id++) {
    const node = state.nodes.get(id);
    if (!node) continue;
    const cost = nodeCost({ graph, weights: state.store }, node);
    parameters += cost.parameters;
    macs += cost.macs;
  }
  return { parameters, macs };
}
