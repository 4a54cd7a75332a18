// What the importer of an operator gets and gives: the node with its attributes read by kind, and the values around it.

import type { Lowering } from "#import/lowering.js";
import { quote, refuse } from "#import/refusal.js";
import type { Value } from "#import/value.js";
import type { AttributeProto, GraphProto, NodeProto, TensorProto } from "#onnx/proto/onnx_pb.js";

/** A node of the model. What is missing or of another kind than asked for is refused. */
export interface OnnxNode {
  readonly op: string;
  readonly opset: number;
  readonly inputs: number;
  /** Names of the results that are used, in place; an unused one is undefined. */
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

/** How a subgraph is put in place of its node. */
export interface InlineOptions {
  /** The values of its own inputs. */
  readonly inputs?: readonly Value[];
  /** Which of its results are needed: always the same of one graph. All by default. */
  readonly needed?: readonly boolean[];
  /** For the body of a loop: the least number of steps that are left, this one included. Its nodes count as unrolled. */
  readonly steps?: number;
}

/** What operators are built with. */
export interface Context extends Lowering {
  /** A tensor of an attribute as a value. */
  constant(proto: TensorProto): Value;
  /** The results of a subgraph, which sees the values around it; those that are not needed are undefined. */
  inline(graph: GraphProto, options?: InlineOptions): readonly (Value | undefined)[];
}

/** Turns one node into values, one for each of its results; one that is not used may be undefined. */
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
    // INT64_MAX stands for "to the end" in slices; it only has to stay large.
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

/** The number with the fewest digits that is the same f32: 10⁻⁵ is meant where the file has its f32. */
function shortest(value: number): number {
  for (let digits = 1; digits < 9; digits += 1) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return short;
  }
  return value;
}
