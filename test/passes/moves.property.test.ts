// Absorbing moves changes no value: random chains of reshapes, transposes, slices and elementwise ops before layers.

import { expect, test } from "vitest";
import { hasErrors } from "#diagnostic/diagnostic.js";
import { parse } from "#grammar/reading/parse.js";
import { elaborate } from "#elaborate/elaborate.js";
import { interpret } from "#interpret/interpret.js";
import { longestReduction, tolerance } from "#interpret/tolerance.js";
import { inputNodes } from "#ir/graph.js";
import { tensor } from "#ir/tensor.js";
import { elements } from "#ir/type.js";
import type { Module } from "#ir/weights.js";
import type { Random } from "#ops/random.js";
import { seededRandom } from "#ops/random.js";
import { verify } from "#ops/verify.js";
import { absorbMoves } from "#passes/absorb-moves.js";
import { runPipeline } from "#rewrite/pipeline/pipeline.js";
import { expectClose } from "../close.js";
import { scaled } from "../scale.js";
import { testTarget } from "./target.js";

/** `GRAPHS=2000` tries more graphs. */
const graphs = scaled(250);

test("random moves before layers", () => {
  let fewer = 0;
  for (let seed = 1; seed <= graphs; seed += 1) {
    const text = randomNet(seededRandom(seed));
    const before = moduleOf(text);
    const { value: after, diagnostics } = runPipeline(before, [absorbMoves], {
      target: testTarget,
      options: {},
    });
    expect(diagnostics, text).toEqual([]);
    expect(verify(after!), text).toEqual([]);
    expect(movedElements(after!), text).toBeLessThanOrEqual(movedElements(before));
    if (movedElements(after!) < movedElements(before)) fewer += 1;
    const inputs = inputsOf(before);
    const actual = interpret(after!, inputs);
    const longest = longestReduction(before);
    for (const [name, { data }] of interpret(before, inputs)) {
      expectClose(actual.get(name)?.data, data, tolerance(longest, data), `${name} of\n${text}`);
    }
  }
  // Most of the graphs have a move to absorb.
  expect(fewer).toBeGreaterThan(graphs / 4);
});

function moduleOf(text: string): Module {
  const { value, diagnostics } = elaborate(parse(text, "t.net").value!);
  // A drawn net may leave values unused.
  expect(hasErrors(diagnostics), text).toBe(false);
  return value!;
}

function inputsOf(module: Module) {
  const random = seededRandom(5);
  return new Map(
    inputNodes(module.graph).map(({ name, type }) => [name, tensor(type.shape, () => random.normal())]),
  );
}

/** The number of elements that transposes move, without those of constants. */
function movedElements({ graph }: Module): number {
  let sum = 0;
  for (const { op, type } of graph.nodes.values()) if (op === "transpose") sum += elements(type.shape);
  return sum;
}

/** Two images, each through some moves, concatenated, and a layer over the channels of the result. */
function randomNet(random: Random): string {
  const lines: string[] = [];
  let count = 0;
  const add = (term: string): string => {
    count += 1;
    lines.push(`  v${count} = ${term}`);
    return `v${count}`;
  };
  const list = (items: readonly number[]): string => `[${items.join(", ")}]`;
  const start = [1, random.pick([2, 4]), random.pick([2, 3]), random.pick([6, 8, 12])];
  const steps = Array.from({ length: random.int(1, 4) }, () => random.next());
  const seed = random.int(0, 1e6);

  /** The same moves each time, so that values that were moved in the same way meet. */
  const walk = (from: string, other: Random): { name: string; shape: number[] } => {
    let [name, shape] = [from, [...start]];
    for (const step of steps) {
      if (step < 0.3) {
        // Splits one axis in two.
        const axis = other.int(1, shape.length - 1);
        const part = [2, 3].find((one) => shape[axis]! % one === 0) ?? 1;
        shape = [...shape.slice(0, axis), part, shape[axis]! / part, ...shape.slice(axis + 1)];
        name = add(`reshape(${name}, shape=${list(shape)})`);
      } else if (step < 0.6) {
        const perm = [0, ...shuffled(other, shape.length - 1).map((at) => at + 1)];
        shape = perm.map((axis) => shape[axis]!);
        name = add(`transpose(${name}, perm=${list(perm)})`);
      } else if (step < 0.75 && shape.length > 2) {
        const axis = other.int(1, shape.length - 2);
        shape = [...shape.slice(0, axis), shape[axis]! * shape[axis + 1]!, ...shape.slice(axis + 2)];
        name = add(`reshape(${name}, shape=${list(shape)})`);
      } else if (step < 0.85) {
        name = add(other.pick([`relu(${name})`, `${name} * 0.5`, `sigmoid(${name} - c)`]));
      } else {
        const axis = other.int(1, shape.length - 1);
        const size = shape.with(axis, Math.ceil(shape[axis]! / 2));
        name = add(`slice(${name}, begin=${list(shape.map(() => 0))}, size=${list(size)})`);
        shape = size;
      }
    }
    return { name, shape };
  };
  const a = walk(add("conv2d(x, wx)"), seededRandom(seed));
  const b = walk(add("conv2d(z, wx)"), seededRandom(seed));
  const joined = random.pick([
    `${a.name} * ${b.name}`,
    `max(${a.name}, relu(${b.name}))`,
    `concat(${a.name}, ${b.name})`,
    `relu(${a.name})`,
  ]);
  const meeting = add(joined);
  const channels = a.shape.at(-1)! * (joined.startsWith("concat") ? 2 : 1);
  const rows = [...a.shape.slice(0, -1), channels];
  const flat = random.next() < 0.5 ? add(`reshape(${meeting}, shape=[1, ${elements(rows)}])`) : meeting;
  const depth = flat === meeting ? channels : elements(rows);
  const shape = `f32${list(start)}`;
  return [
    "net t {",
    `  input x: ${shape}`,
    `  input z: ${shape}`,
    "  param c: f32[] = he_normal(seed=3, fan_in=1)",
    `  param wx: f32[1, 1, ${start[3]}, ${start[3]}] = he_normal(seed=1, fan_in=4)`,
    `  param w: f32[${depth}, 3] = he_normal(seed=2, fan_in=4)`,
    ...lines,
    `  output y = dense(${flat}, w)`,
    ...(random.next() < 0.2 ? [`  output u = ${a.name} + 1`] : []),
    "}",
  ].join("\n");
}

function shuffled(random: Random, count: number): number[] {
  const result = Array.from({ length: count }, (_, at) => at);
  for (let at = count - 1; at > 0; at -= 1) {
    const other = random.int(0, at);
    [result[at], result[other]] = [result[other]!, result[at]!];
  }
  return result;
}
