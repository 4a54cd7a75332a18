// Checks that a rule is an equation: evaluates both sides on random operands.

import { greatest } from "#diagnostic/extremes.js";
import type { Diagnostic } from "#diagnostic/diagnostic.js";
import { error } from "#diagnostic/diagnostic.js";
import type { Node, NodeId } from "#ir/graph.js";
import { nodeOf, operands } from "#ir/graph.js";
import type { Tensor } from "#ir/tensor.js";
import { tensor } from "#ir/tensor.js";
import { elements, printType } from "#ir/type.js";
import type { Module, WeightStore } from "#ir/weights.js";
import { evalNode, macsOf } from "#ops/index.js";
import { seededRandom } from "#ops/random.js";
import type { Random } from "#ops/random.js";
import { materialize } from "./build.js";
import { matchAt } from "./match.js";
import type { Rule } from "./rule.js";
import { sampleRule } from "./sample-rule.js";

export interface RuleCheckOptions {
  /** Makes an empty weight store. */
  readonly createStore: () => WeightStore;
  readonly seed?: number;
  /** Places at which both sides are compared. */
  readonly samples?: number;
  /** Random operands drawn to find those places. */
  readonly attempts?: number;
}

export interface RuleCheck {
  readonly rule: Rule;
  /** At how many places the sides were compared; 0 means that nothing is known of the rule. */
  readonly samples: number;
  /** Operands for which the sides differ, in words. */
  readonly counterexample?: string;
  /** Places where the right side costs more MACs than the left; a rule should not make a graph worse. */
  readonly dearer: number;
}

/**
 * Compares both sides of a rule on random operands that it applies to. They must agree within the tolerance of f32, or
 * within the one that `rule approx` states, wherever both are finite. The stated tolerance is relative to the greatest
 * value of all samples: a small tensor of small values says nothing about the values that it comes with in a net.
 */
export function checkRule(rule: Rule, options: RuleCheckOptions): RuleCheck {
  const { samples = 40, attempts = 20_000, seed = 1 } = options;
  const random = seededRandom(seed);
  let found = 0;
  let dearer = 0;
  let greatest = 0;
  let worst: Difference | undefined;
  for (let attempt = 0; attempt < attempts && found < samples; attempt += 1) {
    const sample = sampleRule(rule, random, options.createStore());
    if (!sample) continue;
    const { module } = sample;
    const root = nodeOf(module.graph, sample.root);
    const application = matchAt(rule, module, root);
    if (!application) continue;
    found += 1;
    const after = replaceRoot(module, root, application.replacement);
    const inputs = randomInputs(module, random);
    const left = evaluate(module, root.id, inputs);
    const right = evaluate(after.module, after.id, inputs);
    if (macs(after.module, after.id) > macs(module, root.id)) dearer += 1;
    greatest = Math.max(greatest, greatestOf(left));
    const difference = compare(left, right, longest(module, after.module));
    if (!difference) continue;
    const counterexample = { ...difference, text: `${difference.text}\n${describe(module, root.id)}` };
    if (rule.approx === undefined)
      return { rule, samples: found, dearer, counterexample: counterexample.text };
    if (!worst || difference.size > worst.size) worst = counterexample;
  }
  const isOff = worst !== undefined && worst.size > (rule.approx ?? 0) * greatest;
  return { rule, samples: found, dearer, ...(worst && isOff ? { counterexample: worst.text } : {}) };
}

/** Where two sides differ by more than rounding. */
interface Difference {
  readonly size: number;
  readonly text: string;
}

/**
 * What a check says to the user who wrote the rule; empty if all is well. Sides that differ are an error: an exact rule is not
 * exact, or an approximate one is further off than it states. A rule that was never tried is noted.
 */
export function ruleProblems({ rule, samples, counterexample }: RuleCheck): Diagnostic[] {
  const { name, span, approx } = rule;
  if (counterexample !== undefined) {
    const [message, advice] =
      approx === undefined
        ? [
            `the sides of rule \`${name}\` differ`,
            "add a condition, or state a tolerance: `rule approx(0.01) name: …`",
          ]
        : [
            `the sides of rule \`${name}\` differ by more than the ${approx} that it states`,
            "add a condition, or state a larger tolerance",
          ];
    return [error("rule-not-equal", message, { span, help: [...counterexample.split("\n"), advice] })];
  }
  if (samples > 0) return [];
  const message = `rule \`${name}\` applied to none of the random operands, so it was not checked`;
  return [{ severity: "note", code: "rule-not-checked", message, span }];
}

function replaceRoot(
  module: Module,
  root: Node,
  replacement: Parameters<typeof materialize>[0],
): { module: Module; id: NodeId } {
  const { graph } = module;
  let next = graph.nextId;
  const built = materialize(replacement, {
    module,
    root,
    origin: root.origin,
    nextId: () => next++,
    unique: (name) => `${name}.${next}`,
  });
  const nodes = new Map(graph.nodes);
  for (const node of built.nodes) nodes.set(node.id, node);
  const outputs = [{ name: "y", node: built.id }];
  return {
    module: { graph: { ...graph, nodes, outputs, nextId: next }, weights: module.weights },
    id: built.id,
  };
}

function randomInputs({ graph }: Module, random: Random): ReadonlyMap<NodeId, Tensor> {
  const inputs = [...graph.nodes.values()].filter((node) => node.op === "input");
  return new Map(inputs.map((node) => [node.id, tensor(node.type.shape, () => random.normal() * 3)]));
}

function evaluate(module: Module, root: NodeId, inputs: ReadonlyMap<NodeId, Tensor>): Tensor {
  const values = new Map(inputs);
  const valueOf = (id: NodeId): Tensor => {
    const known = values.get(id);
    if (known) return known;
    const node = nodeOf(module.graph, id);
    const value =
      node.op === "constant"
        ? module.weights.read(node.attributes.weight)
        : evalNode(node, node.inputs.map(valueOf));
    values.set(id, value);
    return value;
  };
  return valueOf(root);
}

/** The nodes that a value needs, itself included. */
function cone({ graph }: Module, root: NodeId): Node[] {
  const seen = new Set<NodeId>();
  const visit = (id: NodeId): Node[] => {
    if (seen.has(id)) return [];
    seen.add(id);
    const node = nodeOf(graph, id);
    return [...node.inputs.flatMap(visit), node];
  };
  return visit(root);
}

function macs(module: Module, root: NodeId): number {
  return cone(module, root).reduce((sum, node) => sum + macsOfNode(module, node), 0);
}

function macsOfNode({ graph }: Module, node: Node): number {
  if (node.op === "input" || node.op === "constant") return 0;
  const types = operands(graph, node).map((operand) => operand.type);
  return macsOf(node, types);
}

/** The longest reduction of two modules, in terms. */
function longest(...modules: readonly Module[]): number {
  const terms = modules.flatMap((module) =>
    [...module.graph.nodes.values()].map((node) => {
      const results = elements(node.type.shape);
      const read = operands(module.graph, node).map((operand) => elements(operand.type.shape) / results);
      return greatest(read, macsOfNode(module, node) / results);
    }),
  );
  return greatest(terms, 1);
}

/**
 * The greatest difference beyond the tolerance of results in f32 (`src/interpret/tolerance.ts`), 2⁻²³ · (8 + 4·√K) · the
 * greatest value: scalars of a rule are rounded to f32 as all weights are.
 */
function compare(left: Tensor, right: Tensor, terms: number): Difference | undefined {
  const allowed = 2 ** -23 * (8 + 4 * Math.sqrt(terms)) * greatestOf(left);
  let worst: Difference | undefined;
  for (const [index, a] of left.data.entries()) {
    const b = right.data[index] ?? Number.NaN;
    const size = Math.abs(a - b);
    if (!Number.isFinite(a) || !Number.isFinite(b) || size <= Math.max(allowed, worst?.size ?? 0)) continue;
    worst = { size, text: `element ${index} is ${a} on the left and ${b} on the right` };
  }
  return worst;
}

function greatestOf({ data }: Tensor): number {
  let greatest = 0;
  for (const value of data) if (Number.isFinite(value)) greatest = Math.max(greatest, Math.abs(value));
  return greatest;
}

function describe(module: Module, root: NodeId): string {
  return cone(module, root)
    .map((node) => {
      const attributes = Object.entries(node.attributes).map(
        ([key, value]) => `${key}=${JSON.stringify(value)}`,
      );
      const values = node.inputs.map((id) => nodeOf(module.graph, id).name);
      return `${node.name} = ${node.op}(${[...values, ...attributes].join(", ")})  # ${printType(node.type)}`;
    })
    .join("\n");
}
