// Elaboration: the syntax tree of a net becomes a graph and its weights.

import type { Ast, BlockItem, NetItem, Statement } from "#grammar/ast.js";
import type { Diagnostic, Result } from "#diagnostic/diagnostic.js";
import { error, hasErrors } from "#diagnostic/diagnostic.js";
import { suggest } from "#diagnostic/suggest.js";
import type { Module, WeightStore } from "#ir/weights.js";
import { isOp, isOpClass } from "#ops/index.js";
import { createWeightStore } from "#weights/store.js";
import { evaluate, runStatements } from "./body.js";
import type { Binding, State, WeightFile } from "./state.js";
import { fail } from "./state.js";

export type { WeightFile } from "./state.js";

export interface ElaborateOptions {
  /** Which net of the file; needed only if there are several. */
  readonly net?: string;
  /** Values of symbolic dimensions, and of net- or file-level consts that they override. */
  readonly dims?: ReadonlyMap<string, number>;
  /** Opens the file of a `weights` statement, or of `--weights`. Without it, nets that name weights are errors. */
  readonly openWeights?: (path: string) => Result<WeightFile>;
  /** Read instead of the file that the net names. */
  readonly weights?: string;
  /** The store to add to; a new one by default. Dumps refer to the store of their graph. */
  readonly store?: WeightStore;
}

/** A net as a graph. */
export interface Elaborated extends Module {
  /** True if parameters were generated, since the net names no weights: it is an architecture. */
  readonly seeded: boolean;
}

/** The graph of a net, or everything that is wrong with it. */
export function elaborate(ast: Ast, options: ElaborateOptions = {}): Result<Elaborated> {
  const nets = ast.items.filter((item) => item.kind === "net");
  const diagnostics = [...checkBlocks(ast)];
  const net = chooseNet(ast, nets, options.net, diagnostics);
  if (!net) return { diagnostics };

  const state: State = {
    store: options.store ?? createWeightStore(),
    blocks: new Map(
      ast.items.flatMap((item) => (item.kind === "block" ? [[item.name.text, item] as const] : [])),
    ),
    constants: new Map(),
    dims: options.dims ?? new Map(),
    diagnostics,
    nodes: new Map(),
    outputs: [],
    kernels: new Map(),
    paths: new Map(),
    unbound: new Map(),
    calls: [],
    weights: undefined,
    seeded: false,
    batch: undefined,
    kernel: undefined,
    full: false,
  };
  const ready = { ...state, constants: fileConstants(state, ast) };
  ready.weights = openWeights(ready, net, options);
  if (hasErrors(diagnostics)) return { diagnostics };
  runStatements(ready, { names: new Map(), path: "", blocks: [] }, net.body);
  reportUnbound(ready);
  if (ready.outputs.length === 0 && !hasErrors(diagnostics)) {
    fail(ready, net.name.span, "no-output", `net \`${net.name.text}\` has no output`, {
      help: ["end it with `output name`"],
    });
  }
  if (hasErrors(diagnostics)) return { diagnostics };
  return {
    value: {
      graph: {
        name: net.name.text,
        nodes: ready.nodes,
        outputs: ready.outputs.map(({ name, node }) => ({ name, node })),
        kernels: ready.kernels,
        nextId: ready.nodes.size,
        ...(ready.batch ? { batch: ready.batch.symbol } : {}),
      },
      weights: ready.store,
      seeded: ready.seeded,
    },
    diagnostics,
  };
}

function chooseNet(
  ast: Ast,
  nets: readonly NetItem[],
  name: string | undefined,
  diagnostics: Diagnostic[],
): NetItem | undefined {
  const names = nets.map((net) => net.name.text);
  if (name !== undefined) {
    const found = nets.find((net) => net.name.text === name);
    const near = suggest(name, names);
    if (!found) {
      diagnostics.push(
        error("no-such-net", `${ast.file} has no net \`${name}\``, {
          help: [
            near.length > 0
              ? `did you mean \`${near[0]}\`?`
              : names.length > 0
                ? `it has ${names.join(", ")}`
                : "it has no net at all",
          ],
        }),
      );
    }
    return found;
  }
  const [net, second] = nets;
  if (!net)
    diagnostics.push(
      error("no-net", `${ast.file} has no net`, { help: ["a model is written `net name { … output y }`"] }),
    );
  else if (second) {
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

/** Blocks may not shadow ops or each other, and end in one return. */
function checkBlocks(ast: Ast): Diagnostic[] {
  const found: Diagnostic[] = [];
  const seen = new Map<string, BlockItem | NetItem>();
  for (const item of ast.items) {
    if (item.kind !== "block" && item.kind !== "net") continue;
    const { text, span } = item.name;
    const other = seen.get(`${item.kind} ${text}`);
    if (other)
      found.push(
        error("repeated-name", `there are two ${item.kind}s \`${text}\``, {
          span,
          others: [{ span: other.name.span, message: "first here" }],
        }),
      );
    seen.set(`${item.kind} ${text}`, item);
    if (item.kind === "net") {
      found.push(...misplaced(item.body, "return", "`return` ends a block; a net has `output`"));
      continue;
    }
    if (isOp(text) || isOpClass(text))
      found.push(
        error("shadowed-op", `block \`${text}\` has the name of an op`, {
          span,
          help: ["give it another name"],
        }),
      );
    for (const kind of ["input", "output", "weights", "kernel"] as const) {
      found.push(...misplaced(item.body, kind, `\`${kind}\` belongs in a net, not in a block`));
    }
    const returns = item.body.filter((statement) => statement.kind === "return");
    if (returns.length !== 1 || item.body.at(-1)?.kind !== "return") {
      found.push(
        error("no-return", `block \`${text}\` must end in one \`return\``, {
          span: returns[1]?.span ?? span,
        }),
      );
    }
  }
  return found;
}

function misplaced(body: readonly Statement[], kind: Statement["kind"], message: string): Diagnostic[] {
  return body.flatMap((statement) => {
    if (statement.kind === kind) return [error("misplaced-statement", message, { span: statement.span })];
    return statement.kind === "repeat" || statement.kind === "kernel"
      ? misplaced(statement.body, kind, message)
      : [];
  });
}

function fileConstants(state: State, ast: Ast): Map<string, Binding> {
  const constants = new Map<string, Binding>();
  const visible = { ...state, constants };
  for (const item of ast.items) {
    if (item.kind !== "const") continue;
    const { text, span } = item.name;
    const bound = state.dims.get(text);
    const value =
      bound === undefined
        ? evaluate(visible, { names: new Map(), path: "", blocks: [] }, "", item.value)
        : ({ kind: "number", value: bound } as const);
    if (value.kind === "tensor")
      fail(
        state,
        item.value.span,
        "not-constant",
        "a `const` holds a number, a size or a list, not a tensor",
      );
    else constants.set(text, { value, span });
  }
  return constants;
}

function openWeights(state: State, net: NetItem, options: ElaborateOptions): WeightFile | undefined {
  const statements = net.body.filter((statement) => statement.kind === "weights");
  const [statement, second] = statements;
  if (second)
    fail(state, second.span, "repeated-weights", "a net names one weight file", {
      others: [{ span: statement?.span ?? second.span, message: "first here" }],
    });
  const path = options.weights ?? statement?.path.value;
  if (path === undefined) return undefined;
  if (!options.openWeights) {
    fail(
      state,
      statement?.path.span ?? net.name.span,
      "no-weights",
      `the weights ${JSON.stringify(path)} cannot be opened here`,
      { help: ["give `openWeights`"] },
    );
    return undefined;
  }
  const opened = options.openWeights(path);
  // A file has no place in the text, but the statement that names it has.
  const span = options.weights === undefined ? statement?.path.span : undefined;
  state.diagnostics.push(...opened.diagnostics.map((one) => (span && !one.span ? { ...one, span } : one)));
  return opened.value;
}

function reportUnbound(state: State): void {
  const [first] = state.unbound;
  if (!first) return;
  const names = [...state.unbound.keys()];
  fail(
    state,
    first[1],
    "unbound-dimension",
    `${names.length === 1 ? "dimension" : "dimensions"} ${names.map((name) => `\`${name}\``).join(", ")} must be bound`,
    {
      others: [...state.unbound]
        .slice(1)
        .map(([name, span]) => ({ span, message: `\`${name}\` first stands here` })),
      help: [`such as ${names.map((name) => `--dim ${name}=224`).join(" ")}`],
    },
  );
}
