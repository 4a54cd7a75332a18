// Random ONNX models with control flow in each other: branches and bodies read values of any graph around them.

import { create, toBinary } from "@bufbuild/protobuf";
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { GraphProtoSchema, NodeProtoSchema, TensorProtoSchema } from "#onnx/proto/onnx_pb.js";
import { AttributeProto_AttributeType as Kind, ModelProtoSchema } from "#onnx/proto/onnx_pb.js";
import type { Random } from "#ops/random.js";

type Node = MessageInitShape<typeof NodeProtoSchema>;
type Graph = MessageInitShape<typeof GraphProtoSchema>;
type Tensor = MessageInitShape<typeof TensorProtoSchema>;
type Attributes = Readonly<Record<string, number | readonly number[] | Graph>>;

/** All tensors between the nodes have this shape: a transpose keeps it. */
export const shape = [3, 3];
const float = 1;
const int64 = 7;
const bool = 9;

/** The bytes of a model with inputs `x` and `z` of [3, 3] and two outputs, its nodes in any order if that is asked for. */
export function randomControl(random: Random, isShuffled: boolean): Uint8Array {
  let count = 0;
  const fresh = (): string => `v${(count += 1)}`;
  const pick = <T>(list: readonly T[]): T => list[random.int(0, list.length - 1)]!;

  const body = (depth: number, visible: readonly string[], steps: readonly string[]): Body => {
    const nodes: Node[] = [];
    const initializer: Tensor[] = [];
    const own = [...visible];
    const add = (
      op: string,
      inputs: readonly string[],
      attributes: Attributes = {},
      results = 1,
    ): string[] => {
      const output = Array.from({ length: results }, fresh);
      nodes.push({
        opType: op,
        name: `${op}_${count}`,
        input: [...inputs],
        output,
        attribute: Object.entries(attributes).map(([name, value]) => attribute(name, value)),
      });
      return output;
    };
    const constant = (dataType: number, dims: readonly number[], values: readonly number[]): string => {
      const name = fresh();
      const rawData = new Uint8Array(
        dataType === int64
          ? BigInt64Array.from(values, BigInt).buffer
          : dataType === bool
            ? Uint8Array.from(values).buffer
            : Float32Array.from(values).buffer,
      );
      initializer.push({ name, dims: dims.map(BigInt), dataType, rawData });
      return name;
    };
    /** A condition that is a constant, follows from the number of a step, or is computed. */
    const condition = (): string => {
      const kind = random.int(0, 2);
      if (kind === 0) return constant(bool, random.int(0, 1) ? [1] : [], [random.int(0, 1)]);
      if (kind === 1 && steps.length > 0)
        return add("Less", [pick(steps), constant(int64, [], [random.int(0, 2)])])[0]!;
      return computed();
    };
    const computed = (): string => {
      const [most] = add("ReduceMax", [pick(own)], { keepdims: 0 });
      return add("Greater", [most!, constant(float, [], [random.normal() / 2])])[0]!;
    };
    const one = (): string => {
      const kind = depth > 0 ? random.int(0, 7) : random.int(0, 3);
      if (kind <= 3) {
        const op = pick(["Add", "Sub", "Mul", "Max"]);
        const [sum] = add(op, [
          pick(own),
          random.int(0, 3) ? pick(own) : constant(float, [3], [0.5, -0.25, 1]),
        ]);
        return add("Tanh", [sum!])[0]!;
      }
      if (kind <= 5) {
        const branches = [body(depth - 1, own, steps), body(depth - 1, own, steps)] as const;
        const [yes, no] = branches.map((branch) => graphOf(branch, [branch.last]));
        return add("If", [condition()], { then_branch: yes!, else_branch: no! })[0]!;
      }
      return kind === 6 ? loop() : scan();
    };
    const loop = (): string => {
      const [step, going, state] = [fresh(), fresh(), fresh()];
      const inner = body(depth - 1, [...own, state], [...steps, step]);
      const isComputed = random.int(0, 3) === 0;
      const next = isComputed
        ? (() => {
            const [most, bound] = [fresh(), fresh()];
            inner.initializer.push({
              name: bound,
              dims: [],
              dataType: float,
              rawData: new Uint8Array(Float32Array.of(0.2).buffer),
            });
            inner.nodes.push({
              opType: "ReduceMax",
              input: [inner.last],
              output: [most],
              attribute: [attribute("keepdims", 0)],
            });
            return { opType: "Greater", input: [most, bound], output: [fresh()] };
          })()
        : (() => {
            const bound = fresh();
            inner.initializer.push({
              name: bound,
              dims: [],
              dataType: int64,
              rawData: new Uint8Array(BigInt64Array.of(BigInt(random.int(0, 3))).buffer),
            });
            return { opType: "Less", input: [step, bound], output: [fresh()] };
          })();
      inner.nodes.push(next);
      // A value of a graph around is not a result of a body itself.
      const gathered = fresh();
      inner.nodes.push({ opType: "Identity", input: [pick(inner.own)], output: [gathered] });
      const graph = graphOf(inner, [next.output[0]!, inner.last, ...(isComputed ? [] : [gathered])]);
      graph.input = [typed(step, int64, []), typed(going, bool, []), typed(state, float, shape)];
      const trips = constant(int64, [], [random.int(1, 4)]);
      const results = add(
        "Loop",
        [trips, constant(bool, [], [1]), pick(own)],
        { body: graph },
        isComputed ? 1 : 2,
      );
      if (isComputed) return results[0]!;
      const [sum] = add("ReduceMean", [results[1]!], { axes: [0], keepdims: 0 });
      return add("Add", [results[0]!, sum!])[0]!;
    };
    const scan = (): string => {
      const axis = random.int(0, 1);
      const length = shape[1 - axis]!;
      const [state, element, sum, result] = [fresh(), fresh(), fresh(), fresh()];
      // What is around is summed up to a number, so that it fits the elements.
      const [around, out] = [fresh(), fresh()];
      const nodes: Node[] = [
        { opType: "ReduceMax", input: [pick(own)], output: [around], attribute: [attribute("keepdims", 0)] },
        { opType: "Add", input: [state, element], output: [sum] },
        { opType: "Tanh", input: [sum], output: [result] },
        { opType: "Mul", input: [result, around], output: [out] },
      ];
      const graph: Graph = {
        name: fresh(),
        node: nodes,
        input: [typed(state, float, [length]), typed(element, float, [length])],
        output: [typed(result, float, [length]), typed(out, float, [length])],
      };
      const start = constant(
        float,
        [length],
        Array.from({ length }, () => random.normal()),
      );
      const [, gathered] = add(
        "Scan",
        [start, pick(own)],
        {
          body: graph,
          num_scan_inputs: 1,
          scan_input_axes: [axis],
          scan_input_directions: [random.int(0, 1)],
          scan_output_axes: [axis],
          scan_output_directions: [random.int(0, 1)],
        },
        2,
      );
      return gathered!;
    };
    for (let left = random.int(1, depth > 0 ? 4 : 2); left > 0; left -= 1) own.push(one());
    // Branches may differ in the order of axes alone.
    const [last] = add(pick(["Tanh", "Tanh", "Transpose", "Identity"]), [own.at(random.int(0, 1) ? -1 : 0)!]);
    own.push(last!);
    return { nodes, initializer, own, last: last! };
  };

  const whole = body(3, ["x", "z"], []);
  const graph = graphOf(whole, [whole.last, pick(whole.own.filter((name) => name !== "x" && name !== "z"))]);
  // Two outputs of one name are none.
  if (graph.output![0]!.name === graph.output![1]!.name) graph.output!.pop();
  graph.input = [typed("x", float, shape), typed("z", float, shape)];
  if (isShuffled)
    graph.node = graph
      .node!.map((node) => ({ node, at: random.next() }))
      .sort((a, b) => a.at - b.at)
      .map(({ node }) => node);
  const model = create(ModelProtoSchema, {
    irVersion: 7n,
    graph,
    opsetImport: [{ domain: "", version: 15n }],
  });
  return toBinary(ModelProtoSchema, model);
}

/** Nodes in the making; `own` are the names that are seen after them, `last` the result. */
interface Body {
  readonly nodes: Node[];
  readonly initializer: Tensor[];
  readonly own: readonly string[];
  readonly last: string;
}

let graphs = 0;

function graphOf(
  { nodes, initializer }: Body,
  outputs: readonly string[],
): Graph & { input?: Graph["input"] } {
  return { name: `g${(graphs += 1)}`, node: nodes, initializer, output: outputs.map((name) => ({ name })) };
}

function typed(name: string, elemType: number, dims: readonly number[]): NonNullable<Graph["input"]>[number] {
  const dim = dims.map((extent) => ({ value: { case: "dimValue" as const, value: BigInt(extent) } }));
  return { name, type: { value: { case: "tensorType", value: { elemType, shape: { dim } } } } };
}

function attribute(
  name: string,
  value: number | readonly number[] | Graph,
): NonNullable<Node["attribute"]>[number] {
  if (typeof value === "number") return { name, type: Kind.INT, i: BigInt(value) };
  if (Array.isArray(value)) return { name, type: Kind.INTS, ints: (value as readonly number[]).map(BigInt) };
  return { name, type: Kind.GRAPH, g: value as Graph };
}
