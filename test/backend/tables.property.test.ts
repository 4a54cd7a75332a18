// Elementwise steps from byte to byte have the bits of the interpreter: all ops, for all integers of a byte, alone and after sums.

import { describe, expect, test } from "vitest";
import { wasmTarget } from "#backend/wasm/target.js";
import { compile } from "#compile/compile.js";
import { load } from "#compile/load.js";
import { lowerModule } from "#compile/lower-module.js";
import { optimize } from "#compile/optimize.js";
import { interpret } from "#interpret/interpret.js";
import { checkProgram } from "#kernel/check/check.js";
import { elementwise } from "#ops/elementwise.js";
import { opOf } from "#ops/index.js";
import { seededRandom } from "#ops/random.js";
import type { Random } from "#ops/random.js";
import type { OpName } from "#ir/graph.js";
import { integerRanges } from "#ir/type.js";
import { seedsFor } from "../scale.js";
import { moduleOf } from "../schedule/module-of.js";

const converts = ["quantize", "dequantize"];

/** All elementwise ops but conversions and those with weights. */
const ops = (Object.keys(elementwise) as OpName[]).filter((op) => !converts.includes(op) && op !== "prelu");

/** Scales and zero points of a value, as the arguments of its conversions. */
interface Quantity {
  readonly type: "u8" | "i8" | "i16";
  readonly scale: number;
  readonly zero: number;
  /** The range of an i16 whose integers have eight bits. */
  readonly bounds: string;
}

function quantity(random: Random, type: Quantity["type"], size = 1): Quantity {
  const scale = Number(((size / 128) * (0.2 + 2 * random.next())).toPrecision(random.pick([1, 3, 6])));
  if (type === "i16") {
    const low = -random.int(0, 255);
    return { type, scale, zero: 0, bounds: `, low=${low}, high=${low + 255}` };
  }
  const [low, high] = integerRanges[type];
  return { type, scale, zero: random.pick([low, high, 0, random.int(low, high)]), bounds: "" };
}

const quantize = (x: string, { type, scale, zero, bounds }: Quantity): string =>
  `quantize(${x}, ${scale}, zero=${zero}${bounds}, type="${type}")`;
const dequantize = (x: string, { scale, zero }: Quantity): string =>
  `dequantize(${x}, ${scale}, zero=${zero})`;

/** A call of an op: each operand is x or, except for one of them, a number. */
function call(random: Random, op: OpName, x: string): string {
  const { operands } = opOf(op);
  const flow = random.int(0, operands.length - 1);
  const given = operands.map((_, at) =>
    at === flow || random.next() < 0.2 ? x : String(Number(random.normal().toPrecision(3))),
  );
  const attributes = Object.entries(opOf(op).sample(random).attributes)
    .filter(([, value]) => Number.isFinite(value))
    .map(([name, value]) => `, ${name}=${String(value)}`);
  return `\`${op}\`(${given.join(", ")}${attributes.join("")})`;
}

/** Some ops after another, with integers between some of them; the last one may read the first value too. */
function chain(random: Random, from: string, names: () => string): { lines: string[]; result: string } {
  const lines: string[] = [];
  let value = from;
  for (let left = random.int(1, 3); left > 0; left -= 1) {
    const next = names();
    const again = left === 1 && random.next() < 0.5;
    lines.push(`${next} = ${again ? `${value} * ${from}` : call(random, random.pick(ops), value)}`);
    value = next;
    if (left === 1 || random.next() < 0.5) continue;
    const inner = quantity(random, random.pick(["u8", "i8"]), 4);
    const [stored, real] = [names(), names()];
    lines.push(`${stored} = ${quantize(value, inner)}`, `${real} = ${dequantize(stored, inner)}`);
    value = real;
  }
  return { lines, result: value };
}

async function agrees(text: string, data: Float32Array): Promise<void> {
  const module = moduleOf(text);
  const { shape } = [...module.graph.nodes.values()].find(({ op }) => op === "input")!.type;
  const expected = [...interpret(module, new Map([["x", { shape, data: Float64Array.from(data) }]]))].map(
    ([name, tensor]) => [name, Float32Array.from(tensor.data)] as const,
  );
  const same = (actual: Readonly<Record<string, Float32Array>>, what: string): void => {
    for (const [name, wanted] of expected) expect(actual[name], `${name} ${what}\n${text}`).toEqual(wanted);
  };
  for (const target of ["js", "wasm"] as const) {
    const artifact = compile(module, { target, verify: true }).value!;
    for (const threads of target === "wasm" ? [1, 3] : [1]) {
      const net = await load(artifact, { poison: true, threads, leastWork: 0 });
      same(await net.run({ x: data }), `of ${target} with ${threads} threads`);
      net.dispose();
    }
  }
  const { program } = lowerModule(optimize(module).value!.module, wasmTarget);
  const { findings, outputs } = checkProgram(program, new Map([["x", data]]));
  expect(findings, text).toEqual([]);
  same(Object.fromEntries(outputs), "of the checker");
}

/** All integers of a byte, several times, in an order that mixes them. */
function allBytes(type: "u8" | "i8", count: number): Float32Array {
  const [low] = integerRanges[type];
  return Float32Array.from({ length: count }, (_, at) => low + ((at * 77) & 255));
}

describe.each(["u8", "i8"] as const)("of %s", (type) => {
  test.each(seedsFor(3))("each op, seed %i", async (seed) => {
    const random = seededRandom(seed);
    // Channels that fill vecs, and some that do not.
    const shape = random.pick([
      [1, 8, 8, 4],
      [1, 4, 13, 5],
      [1, 259],
    ]);
    const lines = ops.flatMap((op, at) => {
      const [from, to] = [
        quantity(random, type, 4),
        quantity(random, random.pick(["u8", "i8", "i16"]), random.pick([1, 4])),
      ];
      return [
        `r${at} = ${dequantize("x", from)}`,
        `output y${at} = ${quantize(call(random, op, `r${at}`), to)}`,
      ];
    });
    const text = `net t {\n input x: ${type}[${shape.join(", ")}]\n ${lines.join("\n ")}\n}\n`;
    await agrees(
      text,
      allBytes(
        type,
        shape.reduce((a, b) => a * b, 1),
      ),
    );
  });

  test.each(seedsFor(12))("chains after sums, seed %i", async (seed) => {
    const random = seededRandom(seed + 100);
    const [inputs, filters] = [random.pick([4, 8, 3]), random.pick([8, 16, 12, 5, 3])];
    let count = 0;
    const names = (): string => `v${(count += 1)}`;
    const kernel = random.pick([1, 3]);
    const depthwise = random.next() < 0.3;
    const outputs = depthwise ? inputs : filters;
    const weights = `[${kernel}, ${kernel}, ${depthwise ? 1 : inputs}, ${outputs}]`;
    const [sum, y] = [quantity(random, random.pick(["u8", "i8", "i16"]), 4), quantity(random, "u8", 2)];
    const { lines, result } = chain(random, "r", names);
    const text = `net t {
      input x: ${type}[1, 9, 11, ${inputs}]
      param w: i8${weights} = quantize(he_normal(seed=${random.int(1, 99)}, fan_in=2, shape=${weights}), 0.02, type="i8")
      acc = ${depthwise ? "depthwise_conv2d" : "conv2d"}(x, w, padding=same, zero=${random.pick([0, 5])})
      q = ${quantize("dequantize(acc, 0.001)", sum)}
      r = ${dequantize("q", sum)}
      ${lines.join("\n      ")}
      y = ${quantize(result, y)}
      param p: i8[1, 1, ${outputs}, 4] = quantize(he_normal(seed=7, fan_in=2, shape=[1, 1, ${outputs}, 4]), 0.02, type="i8")
      output y
      output z = conv2d(y, p, zero=${y.zero})
    }`;
    await agrees(text, allBytes(type, 99 * inputs));
  });
});

test("the chains become tables", () => {
  const q = quantity(seededRandom(1), "u8");
  const text = `net t {
    input x: u8[1, 8, 8, 8]
    output y = ${quantize(`silu(${dequantize("x", q)})`, q)}
  }`;
  const { schedule } = lowerModule(optimize(moduleOf(text)).value!.module, wasmTarget);
  expect(schedule.groups.flatMap(({ prologue }) => prologue.map(({ table }) => table?.length))).toEqual([
    256,
  ]);
});
