// Predicates of the caller: functions in TypeScript that the `when` of a rule may call.

import { InternalError } from "#diagnostic/diagnostic.js";
import { placeOf } from "#diagnostic/call-place.js";
import type { AttributeValue, Graph, Node, NodeId } from "#ir/graph.js";
import { nodeOf } from "#ir/graph.js";
import { users, outputIds } from "#ir/node-order.js";
import type { TensorType } from "#ir/type.js";
import type { Module } from "#ir/weights.js";
import type { Tensor } from "#ir/tensor.js";
import type { Attributes } from "#ops/op.js";

/** A value of the graph as a predicate sees it. */
export interface RuleValue {
  /** The op that computes it; `input` and `constant` are ops too. */
  readonly op: Node["op"];
  /** The name that the model gives it. */
  readonly name: string;
  readonly type: TensorType;
  /** The attributes of its op, without those of constants. */
  readonly attributes: Attributes;
  /** The values that its op reads. */
  readonly operands: readonly RuleValue[];
  /** How many ops read it. */
  readonly readers: number;
  readonly isOutput: boolean;
  /** The numbers of a constant; undefined for any other value. Reads them from the file, if they lie there. */
  data(): Tensor | undefined;
}

/** What a predicate gets for one argument: a value, the values of a list `xs`, or an attribute. */
export type PredicateArgument = RuleValue | readonly RuleValue[] | AttributeValue;

/** Says whether a rule applies, from the arguments that `when` gives. It must depend on nothing else. */
export type Predicate = (...given: never[]) => boolean;

/** A failure in code of the caller. It is reported, and is no fault of the compiler. */
export class NativeError extends Error {}

/** Calls a predicate. Throws a `NativeError` if it throws, or gives something else than true or false. */
export function askPredicate(
  name: string,
  predicate: Predicate,
  module: Module,
  given: readonly (Node | readonly Node[] | AttributeValue)[],
): boolean {
  const all = given.map((one) => argumentOf(module, one));
  const answer: unknown = guarded(`predicate \`${name}\``, () => Reflect.apply(predicate, undefined, all));
  if (typeof answer === "boolean") return answer;
  throw new NativeError(`predicate \`${name}\` must give true or false, and gave ${typeof answer}`);
}

/** Calls code of the caller. Throws a `NativeError` with the place if it throws. */
export function guarded<T>(what: string, call: () => T): T {
  try {
    return call();
  } catch (thrown) {
    if (thrown instanceof InternalError || thrown instanceof NativeError) throw thrown;
    const place = placeOf(thrown);
    const where = place === undefined ? "" : ` (${place})`;
    throw new NativeError(`${what} throws ${String(thrown)}${where}`, { cause: thrown });
  }
}

/** The nodes of the values that code of the caller has seen. */
const seen = new WeakMap<object, { readonly graph: Graph; readonly id: NodeId }>();

/** The node of a value of a graph; undefined for anything else. */
export function idOf(value: object, graph: Graph): NodeId | undefined {
  const known = seen.get(value);
  return known?.graph === graph ? known.id : undefined;
}

/** The value of a node, as code of the caller sees it. */
export function valueOf(module: Module, node: Node): RuleValue {
  const { graph, weights } = module;
  const value: RuleValue = {
    op: node.op,
    name: node.name,
    type: node.type,
    attributes: node.op === "constant" ? {} : (node.attributes as Attributes),
    get operands() {
      return node.inputs.map((id) => valueOf(module, nodeOf(graph, id)));
    },
    get readers() {
      return users(graph).get(node.id)?.length ?? 0;
    },
    get isOutput() {
      return outputIds(graph).has(node.id);
    },
    data: () => (node.op === "constant" ? weights.read(node.attributes.weight) : undefined),
  };
  seen.set(value, { graph, id: node.id });
  return value;
}

function argumentOf(module: Module, given: Node | readonly Node[] | AttributeValue): PredicateArgument {
  if (isNode(given)) return valueOf(module, given);
  if (isNodes(given)) return given.map((node) => valueOf(module, node));
  return given;
}

function isNode(given: Node | readonly Node[] | AttributeValue): given is Node {
  return typeof given === "object" && "op" in given;
}

function isNodes(given: readonly Node[] | AttributeValue): given is readonly Node[] {
  return typeof given === "object" && given.every((one) => typeof one === "object");
}
