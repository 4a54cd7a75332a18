// The interface of the importers of operators: the node with its attributes read by kind, and the values around it.

import type { Lowering } from "#import/lowering.js";
import { quote, refuse } from "#import/refusal.js";
import type { Value } from "#import/value.js";
import type { AttributeProto, GraphProto, NodeProto, TensorProto } from "#onnx/proto/onnx_pb.js";

/** A node of the model. Its functions refuse operands and attributes that are missing or have another kind than requested. */
export interface OnnxNode {
  readonly op: string;
  readonly opset: number;
  readonly inputs: number;
  /** The names of its results, in order; undefined for a result that nothing uses. */
  readonly outputs: readonly (string | undefined)[];
  input(at: number): Value;
  optional(at: number): Value | undefined;
  int(name: string, otherwise?: number): number;
  float(name: string, otherwise?: number): number;
  text(name: string, otherwise?: string): string;
  ints(name: string): readonly number[] | undefined;
  floats(name: string): readonly number[] | undefined;
  texts(name: string): readonly string[] | undefined;
  tensor(name: string): TensorProto | undefined;
  graph(name: string): GraphProto | undefined;
}

/** How a subgraph replaces its node. */
export interface InlineOptions {
  /** The values of its own inputs. */
  readonly inputs?: readonly Value[];
  /** Which of its results are needed; by default all. Each call for the same graph must need the same results. */
  readonly needed?: readonly boolean[];
  /** For the body of a loop: the least number of iterations that are left, including this one. The nodes of the body count as unrolled. */
  readonly steps?: number;
}

/** The context in which operators of ONNX are lowered. */
export interface Context extends Lowering {
  /** A tensor of an attribute as a value. */
  constant(proto: TensorProto): Value;
  /** The results of a subgraph, which can read the values around it; results that are not needed are undefined. */
  inline(graph: GraphProto, options?: InlineOptions): readonly (Value | undefined)[];
}

/** Turns one node into values, one for each of its results; an unused result may be undefined. */
export type OperatorImport = (node: OnnxNode, ctx: Context) => Value | readonly (Value | undefined)[];

export type OperatorTable = Readonly<Record<string, OperatorImport>>;

/** The node with other operands. */
export function withOperands(node: OnnxNode, operands: readonly (Value | undefined)[]): OnnxNode {
  return {
    ...node,
    inputs: operands.length,
    input: (at) => operands[at] ?? refuse("bad-model", `operand ${at + 1} of ${node.op} is missing`),
    optional: (at) => operands[at],
  };
}

/** Reads attributes by name and kind. */
export function attributesOf(
  node: NodeProto,
): Pick<OnnxNode, "int" | "float" | "text" | "ints" | "floats" | "texts" | "tensor" | "graph"> {
  const table = new Map(node.attribute.map((attribute) => [attribute.name, attribute]));
  const find = (name: string): AttributeProto | undefined => table.get(name);
  const missing = (name: string): never => refuse("bad-model", `the attribute ${quote(name)} is missing`);
  const whole = (value: bigint): number => {
    // INT64_MAX means "to the end" in slices. As a float64 it is inexact, but large enough for that.
    const number = Number(value);
    return Math.max(Math.min(number, Number.MAX_SAFE_INTEGER), Number.MIN_SAFE_INTEGER);
  };
  return {
    int: (name, otherwise) => {
      const found = find(name);
      return found ? whole(found.i) : (otherwise ?? missing(name));
    },
    float: (name, otherwise) => {
      const found = find(name);
      return found ? shortest(found.f) : (otherwise ?? missing(name));
    },
    text: (name, otherwise) => {
      const found = find(name);
      return found ? decoded(found.s) : (otherwise ?? missing(name));
    },
    ints: (name) => find(name)?.ints.map(whole),
    floats: (name) => find(name)?.floats,
    texts: (name) => find(name)?.strings.map(decoded),
    tensor: (name) => find(name)?.t,
    graph: (name) => find(name)?.g,
  };
}

function decoded(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes.subarray(0, 1000));
}

/** The number with the fewest digits that rounds to the same f32: a file holds the f32 nearest to 10⁻⁵ where its author meant 10⁻⁵. */
function shortest(value: number): number {
  for (let digits = 1; digits < 9; digits += 1) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return short;
  }
  return value;
}
