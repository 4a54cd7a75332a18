// Control flow. TensorFlow 1 writes it as nodes of one graph: Switch and Merge for choices, and Enter, Exit and NextIteration for loops.
// TensorFlow 2 calls functions. Loops are unrolled, and computed choices become selects.

import { bothBranches, countUnrolled, knownCondition, selected } from "#import/operators/control.js";
import { elements } from "#ir/type.js";
import { bool } from "#import/element-type.js";
import { checkMany, intsValue, numberOf, scalar } from "#import/lowering.js";
import { combine } from "#import/operators/broadcast.js";
import type { Value } from "#import/value.js";
import { needsConstant, quote, refuse, unsupported } from "#import/refusal.js";
import type { Endpoint, NodeDef } from "./graph-def.js";
import type { Held } from "./held.js";
import { dead, isDead, isValue, valueOf } from "./held.js";
import type { Evaluate, Known, Scope } from "./scope.js";

/** The deepest nesting of function calls. */
const depthLimit = 32;

/** The most nodes that are searched for the branch that an operand of Merge comes from. */
const searchLimit = 200_000;

type ControlImport = (
  node: NodeDef,
  operands: readonly Held[],
  scope: Scope,
  evaluate: Evaluate,
) => readonly Held[];

/** A loop of TensorFlow 1, found from one of its exits. */
interface Loop {
  readonly name: string;
  readonly condition: Endpoint;
  readonly enters: readonly NodeDef[];
  /** The values that the loop carries: the initial one, that of the next iteration, and the node that reads it. */
  readonly carried: readonly {
    readonly enter: NodeDef;
    readonly merge: NodeDef;
    readonly next: Endpoint;
    readonly switches: readonly NodeDef[];
    readonly exits: readonly NodeDef[];
  }[];
}

/** The loop that an Exit belongs to. Refuses loops that are constructed in another way. */
function loopOf(exit: NodeDef, scope: Known): Loop {
  const { nodes } = scope;
  const strange = (): never => refuse("bad-model", `${quote(exit.name)} is not the exit of a supported loop`);
  const at = (end: Endpoint | undefined, op: string): NodeDef => {
    const node = end && nodes.get(end.node);
    return node?.op === op ? node : strange();
  };
  const first = at(exit.inputs[0], "Switch");
  const condition = at(first.inputs[1], "LoopCond");
  const merge = at(first.inputs[0], "Merge");
  const enter = merge.inputs.map(({ node }) => nodes.get(node)).find((one) => one?.op === "Enter");
  const name = (enter ?? strange()).attributes.text("frame_name", "");
  const enters: NodeDef[] = [];
  const merges: NodeDef[] = [];
  const switches: NodeDef[] = [];
  const exits: NodeDef[] = [];
  for (const node of nodes.values()) {
    if (node.op === "Enter" && node.attributes.text("frame_name", "") === name) enters.push(node);
    if (node.op === "Merge") merges.push(node);
    if (node.op === "Switch" && node.inputs[1]?.node === condition.name) switches.push(node);
    if (node.op === "Exit") exits.push(node);
  }
  const own = new Set(enters.map((node) => node.name));
  const carried = merges.flatMap((node) => {
    const [from, back] = node.inputs;
    const start = from && own.has(from.node) ? nodes.get(from.node) : undefined;
    if (!start) return [];
    const readers = switches.filter(({ inputs }) => inputs[0]?.node === node.name);
    const ends = exits.filter(({ inputs }) => readers.some((reader) => reader.name === inputs[0]?.node));
    const next = at(back, "NextIteration").inputs[0] ?? strange();
    return [{ enter: start, merge: node, next, switches: readers, exits: ends }];
  });
  return { name, condition: condition.inputs[0] ?? strange(), enters, carried };
}

/** The operands of a node; for an Exit, all values that enter its loop. */
export function readsOf(node: NodeDef, scope: Known): readonly Endpoint[] {
  return node.op === "Exit" ? loopOf(node, scope).enters.flatMap(({ inputs }) => inputs) : node.inputs;
}

/** The results of a loop. Those of all its exits are noted in the scope, and those of this exit are returned. */
const exit: ControlImport = (node, _, scope, evaluate) => {
  const { name, condition, enters, carried } = loopOf(node, scope);
  const what = `the loop ${quote(name)}`;
  const incoming = new Map(enters.map((one) => [one.name, evaluate(scope, one.inputs)[0] ?? dead]));
  let values = carried.map(({ enter }) => incoming.get(enter.name) ?? dead);
  for (;;) {
    countUnrolled(scope.shared);
    const known = new Map<string, readonly Held[]>([...incoming].map(([one, held]) => [one, [held]]));
    for (const [at, { merge, switches }] of carried.entries()) {
      const held = values[at] ?? dead;
      known.set(merge.name, [held]);
      for (const one of switches) known.set(one.name, [held, held]);
    }
    const inner: Scope = { ...scope, values: known, lost: new Map(), outer: scope, isLoop: true };
    if (!goesOn(evaluate(inner, [condition])[0], what)) break;
    values = [
      ...evaluate(
        inner,
        carried.map(({ next }) => next),
      ),
    ];
  }
  for (const [at, { exits }] of carried.entries())
    for (const one of exits) scope.values.set(one.name, [values[at] ?? dead]);
  return scope.values.get(node.name) ?? [dead];
};

function goesOn(condition: Held | undefined, what: string): boolean {
  const value = valueOf(condition ?? dead, "the condition");
  const known = knownCondition(value, `the condition of ${what}`);
  return (
    known ??
    needsConstant(`${what} runs as long as a condition that is computed from the inputs`, [value.ref])
  );
}

/** A choice: the branch that is not taken is dead. If the condition is computed, no branch is dead. */
const switched: ControlImport = (_, [data = dead, condition = dead]) => {
  if (isDead(data) || isDead(condition)) return [dead, dead];
  const known = knownCondition(valueOf(condition, "the condition"), "the condition of Switch");
  return known === undefined ? [data, data] : known ? [dead, data] : [data, dead];
};

/** The result of the branch that was taken, or a select between the results of both. */
const merged: ControlImport = (node, operands, scope, evaluate) => {
  const { state } = scope.shared;
  const alive = operands.flatMap((held, at) => (isDead(held) ? [] : [{ held, at }]));
  const [first] = alive;
  const give = (held: Held, at: number): Held[] => [held, intsValue(state, [at], [])];
  if (!first) return [dead, dead];
  if (operands.length !== 2) {
    if (alive.length === 1) return give(first.held, first.at);
    unsupported(`Merge of ${operands.length} branches`);
  }
  const choice = choiceOf(node, scope);
  if (!choice) {
    if (alive.length === 1) return give(first.held, first.at);
    return refuse("bad-model", "its operands do not come from a Switch");
  }
  const condition = valueOf(evaluate(scope, [choice.condition])[0] ?? dead, "the condition");
  const known = knownCondition(condition, "the condition of Switch");
  const [yes, no] = [choice.yes, 1 - choice.yes];
  if (known !== undefined) return give(operands[known ? yes : no] ?? dead, known ? yes : no);
  const [a = dead, b = dead] = [operands[yes], operands[no]];
  if (!isValue(a) || !isValue(b)) unsupported("a computed choice between lists of tensors");
  const result = selected(state, condition, a, b, "the condition of Switch");
  return [result];
};

/** The condition whose true side leads to one operand of Merge and whose false side to the other; `yes` is the operand where it is true. */
function choiceOf(
  merge: NodeDef,
  scope: Scope,
): { readonly condition: Endpoint; readonly yes: number } | undefined {
  const [a = new Map<string, Side>(), b = new Map<string, Side>()] = merge.inputs.map((end) =>
    sidesOf(end, scope),
  );
  for (const [key, { condition, sides }] of [...a, ...b]) {
    const [inA, inB] = [a.get(key)?.sides ?? new Set(), b.get(key)?.sides ?? new Set()];
    if (sides.size !== 1 || inA.size > 1 || inB.size > 1) continue;
    if (inA.has(1) && !inB.has(1)) return { condition, yes: 0 };
    if (inB.has(1) && !inA.has(1)) return { condition, yes: 1 };
    if (inA.has(0) && inB.size === 0) return { condition, yes: 1 };
    if (inB.has(0) && inA.size === 0) return { condition, yes: 0 };
  }
  return undefined;
}

interface Side {
  readonly condition: Endpoint;
  /** 0 where it is false, 1 where it is true. */
  readonly sides: Set<number>;
}

/** The sides of all choices that a node depends on, the nearest first. */
function sidesOf(from: Endpoint, scope: Scope): ReadonlyMap<string, Side> {
  const found = new Map<string, Side>();
  const seen = new Set<string>();
  const open: Endpoint[] = [from];
  for (const end of open) {
    const key = `${end.result} ${end.node}`;
    const node = scope.nodes.get(end.node);
    if (seen.has(key) || !node) continue;
    seen.add(key);
    if (seen.size > searchLimit) refuse("too-large", "the choice has too many nodes before it");
    if (node.op === "Switch") {
      const condition = identityOf(node.inputs[1] ?? end, scope);
      const name = `${condition.result} ${condition.node}`;
      const side = found.get(name) ?? { condition, sides: new Set() };
      side.sides.add(end.result);
      found.set(name, side);
    }
    for (const input of node.inputs) open.push(input);
    for (const control of node.controls) open.push({ node: control, result: 0 });
  }
  return found;
}

function identityOf(end: Endpoint, { nodes }: Scope): Endpoint {
  let found = end;
  for (let hops = 0; hops < 64; hops += 1) {
    const node = nodes.get(found.node);
    const [input] = node?.inputs ?? [];
    if (node?.op !== "Identity" || !input) break;
    found = input;
  }
  return found;
}

/** The results of a function for its operands. */
function call(
  name: string,
  operands: readonly Held[],
  scope: Scope,
  evaluate: Evaluate,
  isLoop: boolean,
): readonly Held[] {
  const called = scope.shared.functions.get(name);
  if (!called) refuse("bad-model", `the library has no function ${quote(name)}`);
  if (scope.depth >= depthLimit)
    refuse("too-large", `function ${quote(name)} is nested in more than ${depthLimit} others, or in itself`);
  if (called.inputs.length !== operands.length)
    refuse(
      "bad-model",
      `function ${quote(name)} takes ${called.inputs.length} values, not ${operands.length}`,
    );
  const values = new Map(called.inputs.map((input, at) => [input, [operands[at] ?? dead]] as const));
  const inner: Scope = {
    shared: scope.shared,
    nodes: called.nodes,
    values,
    lost: new Map(),
    isQuiet: scope.isQuiet,
    isLoop: scope.isLoop || isLoop,
    depth: scope.depth + 1,
  };
  return evaluate(inner, called.outputs);
}

const whileLoop: ControlImport = (node, operands, scope, evaluate) => {
  const [condition, body] = [node.attributes.function("cond"), node.attributes.function("body")];
  let values = operands;
  while (goesOn(call(condition, values, scope, evaluate, true)[0], "the loop")) {
    countUnrolled(scope.shared);
    values = call(body, values, scope, evaluate, true);
    if (values.length !== operands.length)
      refuse("bad-model", `the body of ${node.op} gives ${values.length} values for ${operands.length}`);
  }
  return values;
};

const choice: ControlImport = (node, [condition = dead, ...operands], scope, evaluate) => {
  const value = valueOf(condition, "the condition");
  const known = knownCondition(value, `the condition of ${node.op}`);
  const branch = (name: string): readonly Held[] =>
    call(node.attributes.function(name), operands, scope, evaluate, false);
  if (known !== undefined) return branch(known ? "then_branch" : "else_branch");
  const [yes, no] = bothBranches(value, () => [branch("then_branch"), branch("else_branch")]);
  return selectedResults(node, scope, value, yes, no);
};

/** Selects each result from one branch or the other. */
function selectedResults(
  node: NodeDef,
  { shared }: Scope,
  condition: Value,
  yes: readonly Held[],
  no: readonly Held[],
): readonly Held[] {
  if (yes.length !== no.length)
    refuse("bad-model", `its branches have ${yes.length} and ${no.length} results`);
  return yes.map((one, at) => {
    const other = no[at];
    if (!other || !isValue(one) || !isValue(other)) unsupported("a computed choice between lists of tensors");
    return selected(shared.state, condition, one, other, `the condition of ${node.op}`);
  });
}

/** The branch of a number; the last branch for a number that has no branch. */
const numberedChoice: ControlImport = (node, [number = dead, ...operands], scope, evaluate) => {
  const { state } = scope.shared;
  const index = valueOf(number, "the number of the branch");
  const names = node.attributes.functions("branches");
  checkMany(names.length, "branches");
  if (names.length === 0) refuse("bad-model", `${node.op} without branches`);
  if (elements(index.shape) !== 1)
    refuse("bad-model", `the number of the branch has ${elements(index.shape)} values instead of one`);
  const branch = (name: string): readonly Held[] => call(name, operands, scope, evaluate, false);
  if (index.ref.kind === "constant") {
    const at = numberOf(index, "the number of the branch");
    return branch(names[at] ?? names.at(-1) ?? "");
  }
  const results = bothBranches(index, () => names.map(branch));
  return results.reduceRight((others, own, at) =>
    selectedResults(
      node,
      scope,
      combine(state, "equal", [index, scalar(state, at)], { type: bool }),
      own,
      others,
    ),
  );
};

const called: ControlImport = (node, operands, scope, evaluate) =>
  call(node.attributes.function("f"), operands, scope, evaluate, false);

const misplaced: ControlImport = () => refuse("bad-model", "it is not in a supported loop");

/** Operators of control flow. */
export const controlOperators: Readonly<Record<string, ControlImport>> = {
  Switch: switched,
  Merge: merged,
  Exit: exit,
  Enter: misplaced,
  NextIteration: misplaced,
  LoopCond: misplaced,
  If: choice,
  StatelessIf: choice,
  Case: numberedChoice,
  StatelessCase: numberedChoice,
  While: whileLoop,
  StatelessWhile: whileLoop,
  PartitionedCall: called,
  StatefulPartitionedCall: called,
};
