// Imports the nodes of a graph or a function in order, each by the importer of its operator.

import { ownEntry } from "#diagnostic/own-entry.js";
import { checkMany, rounded, valueOf } from "#import/lowering.js";
import { cleanName } from "#import/names.js";
import { circle, dependencyOrder } from "#import/dependency-order.js";
import { countUnrolled } from "#import/operators/control.js";
import { diagnosticOf, quote, refuse, Refusal, refuseQuietly, unsupported } from "#import/refusal.js";
import { addUnknown } from "#import/unknown.js";
import type { Value } from "#import/value.js";
import { blockOperators, withBlocks } from "./blocks.js";
import { controlOperators, readsOf } from "./control.js";
import type { Endpoint, NodeDef } from "./graph-def.js";
import type { Held } from "./held.js";
import { dead, isDead, isValue, valueOf as tensorOf } from "./held.js";
import { operators } from "./index.js";
import { listOps, lowerList } from "./lists.js";
import type { GraphNode } from "./operator.js";
import type { Evaluate, Known, Scope } from "./scope.js";
import { lostIn, resultsIn } from "./scope.js";

/** The most messages about single nodes. */
const messageLimit = 10;

/** Operators that only move elements. Their results get the name of the node. */
const naming: ReadonlySet<string> = new Set(["Reshape", "Squeeze", "ExpandDims", "Transpose"]);

export const evaluate: Evaluate = (scope, ends) => {
  for (const node of nodesBefore(scope, ends)) run(scope, node);
  return ends.map((end) => heldAt(scope, end, "what reads it"));
};

/** The nodes that the given results depend on and that were not evaluated yet, in the order of computation. */
export function nodesBefore(scope: Known, ends: readonly Endpoint[]): readonly NodeDef[] {
  const open = (all: readonly Endpoint[], reader: string): NodeDef[] =>
    all.flatMap(({ node }) =>
      resultsIn(scope, node) || lostIn(scope, node)
        ? []
        : [
            scope.nodes.get(node) ??
              refuse("bad-model", `${quote(reader)} reads ${quote(node)}, which no node makes`),
          ],
    );
  return dependencyOrder(open(ends, "the model"), {
    key: ({ name }) => name,
    needs: (node) => open(readsOf(node, scope), node.name),
    cycle: (nodes) =>
      refuse(
        "bad-model",
        circle(
          nodes.map(({ name }) => name),
          "node",
        ),
      ),
  });
}

function heldAt(scope: Scope, { node, result }: Endpoint, reader: string): Held {
  const lost = lostIn(scope, node);
  if (lost) return lost;
  const results = resultsIn(scope, node);
  // A node in a branch that is not taken has one dead result, however many it really has.
  const [first] = results ?? [];
  const own = results?.[result] ?? (results?.length === 1 && first && isDead(first) ? first : undefined);
  return own ?? refuse("bad-model", `${reader} reads result ${result} of ${quote(node)}`);
}

/** Evaluates a node. A refused node is noted, and a stand-in with the shape of its operand replaces its results. */
function run(scope: Scope, node: NodeDef): void {
  const { shared } = scope;
  // Evaluating one exit of a loop evaluates all of them.
  if (scope.values.has(node.name)) return;
  if (scope.isLoop) countUnrolled(shared);
  const reads = readsOf(node, scope);
  const isQuiet = scope.isQuiet || reads.some((end) => lostIn(scope, end.node));
  const standIn = (): void => {
    const shape = reads
      .map((end) => resultsIn(scope, end.node)?.[end.result])
      .find((held) => held && isValue(held));
    const value = valueOf(shared.state.build.input("lost", shape && isValue(shape) ? shape.shape : []));
    scope.values.delete(node.name);
    scope.lost.set(node.name, value);
  };
  try {
    const results = lower(scope, node, isQuiet);
    if (isQuiet) {
      const [first] = results;
      if (first && isValue(first)) scope.lost.set(node.name, first);
      else standIn();
    } else {
      const { build } = shared.state;
      scope.values.set(
        node.name,
        results.map((held) => (isValue(held) ? rounded(build, held) : held)),
      );
    }
  } catch (cause) {
    if (!(cause instanceof Refusal)) throw cause;
    if (!isQuiet) {
      shared.refused.add(node);
      const place = `${shared.state.file}: node ${quote(node.name)}, ${quote(node.op)}`;
      if (!cause.isQuiet && shared.diagnostics.length < messageLimit)
        shared.diagnostics.push(diagnosticOf(cause, place, shared.state.build));
    }
    standIn();
  }
}

function isKnown(op: string): boolean {
  return (
    op === "Const" ||
    blockOperators.has(op) ||
    listOps.has(op) ||
    Object.hasOwn(controlOperators, op) ||
    Object.hasOwn(operators, op)
  );
}

function lower(scope: Scope, node: NodeDef, isQuiet: boolean): readonly Held[] {
  const { shared } = scope;
  const { state, blocked } = shared;
  if (!isKnown(node.op)) {
    if (!scope.isQuiet && !shared.unknownNodes.has(node)) {
      shared.unknownNodes.add(node);
      addUnknown(shared.unknown, node.op, node.name);
    }
    return refuseQuietly();
  }
  checkMany(node.inputs.length, "operands");
  state.build.at(nodeName(node), naming.has(node.op));
  if (node.op === "Const") return [constant(scope, node)];
  const own = node.op === "Exit" ? [] : node.inputs;
  const operands = own.map((end) => heldAt(scope, end, quote(node.name)));
  const refusedBefore = shared.refused.size;
  const control = Object.hasOwn(controlOperators, node.op) ? controlOperators[node.op] : undefined;
  if (control || listOps.has(node.op)) {
    if (operands.some((held) => isValue(held) && blocked.has(held)))
      unsupported(`${node.op} between SpaceToBatchND and BatchToSpaceND`);
    if (!control && operands.some(isDead)) return [dead, dead];
    const results = control
      ? control(node, operands, { ...scope, isQuiet }, evaluate)
      : lowerList(node, operands, state);
    // Errors inside the function have been reported.
    return shared.refused.size > refusedBefore ? refuseQuietly() : results;
  }
  if (operands.some(isDead)) return [dead];
  // Identity returns a list unchanged.
  if (node.op === "Identity" && operands[0] && !isValue(operands[0])) return [operands[0]];
  if (node.op === "IdentityN") return operands;
  const inputs = operands.map((held) => tensorOf(held, node.op));
  const given = {
    ...node.attributes,
    op: node.op,
    inputs,
    input: (at: number) => inputs[at] ?? refuse("bad-model", `operand ${at + 1} of ${node.op} is missing`),
  };
  const lowered = withBlocks(state, given, blocked, (one: GraphNode): Value | readonly Value[] => {
    state.build.at(nodeName(node), naming.has(node.op));
    return ownEntry(operators, one.op)?.(one, state) ?? [];
  });
  return "ref" in lowered ? [lowered] : lowered;
}

/** The path of the node without the names that the converter gives every function. Of a long path only the end is kept. */
function nodeName({ name, op }: NodeDef): string {
  const parts = name.split("/").filter((part) => !/^(Stateful)?PartitionedCall(_\d+)?$/.test(part));
  return (
    cleanName(parts.join("/")) ?? cleanName(parts.slice(-3).join("/")) ?? op.replace(/^_/, "").toLowerCase()
  );
}

/** A constant is a weight with the name of the node; the manifest also has those of functions. */
function constant({ shared }: Scope, { name }: NodeDef): Value {
  return (
    shared.state.weights.get(name) ??
    refuse("missing-data", `the manifest of the weights has no ${quote(name)}`)
  );
}
