// Finds how a net classifies pictures, for `--task classify`.

import type { Diagnostic, Result } from "#diagnostic/diagnostic.js";
import { error } from "#diagnostic/diagnostic.js";
import { given } from "#diagnostic/given.js";
import type { Graph, Node } from "#ir/graph.js";
import { inputNodes, nodeOf } from "#ir/graph.js";
import { classesOf } from "#ir/preprocess.js";
import type { Classifier } from "#runtime/classify.js";

/** What the net can do beside `run`. */
export const tasks = ["classify"] as const;
export type Task = (typeof tasks)[number];

/** The input with the picture and the output with a value for each class, or why the net does not classify pictures. */
export function classifierOf(graph: Graph): Result<Classifier> {
  const wrong = (message: string, ...help: string[]): Result<Classifier> => ({
    diagnostics: [notClassifier(graph, message, help)],
  });
  const inputs = inputNodes(graph);
  const [input] = inputs;
  if (!input || inputs.length > 1)
    return wrong(`it has ${inputs.length} inputs`, "--constant NAME=VALUE makes constants of the others");
  if (!graph.pictures?.has(input.name))
    return wrong(
      `its input \`${input.name}\` does not take pictures`,
      "--image makes it take pictures; --scale, --mean and --std say how their pixels become numbers",
    );
  const named = graph.outputs.filter(({ name }) => graph.labels?.has(name));
  const some = named.length > 0 ? named : graph.outputs;
  const certain = some.filter((one) => givesProbabilities(graph, nodeOf(graph, one.node)));
  const outputs = certain.length === 1 ? certain : some;
  const [output] = outputs;
  if (!output || outputs.length > 1)
    return wrong(
      `it has ${outputs.length} outputs: ${outputs.map(({ name }) => name).join(", ")}`,
      "--labels FILE gives the names of the classes, by which the output is known",
    );
  const node = nodeOf(graph, output.node);
  const classes = classesOf(node.type.shape);
  if (classes === undefined || output.once)
    return wrong(`its output \`${output.name}\` is [${node.type.shape.join(", ")}], not [n, classes]`);
  return {
    value: {
      input: input.name,
      output: output.name,
      classes,
      isProbability: givesProbabilities(graph, node),
      ...given({ labels: graph.labels?.get(output.name) }),
    },
    diagnostics: [],
  };
}

function notClassifier({ name }: Graph, why: string, help: readonly string[]): Diagnostic {
  return error("no-task", `${name} does not classify pictures: ${why}`, { help: [...help] });
}

/** Whether a value comes from a softmax or a sigmoid, behind ops that only give it another shape. */
function givesProbabilities(graph: Graph, node: Node): boolean {
  const [operand] = node.inputs;
  if (node.op === "softmax" || node.op === "sigmoid") return true;
  const isMoved =
    node.op === "reshape" || node.op === "identity" || node.op === "quantize" || node.op === "dequantize";
  return isMoved && operand !== undefined && givesProbabilities(graph, nodeOf(graph, operand));
}
