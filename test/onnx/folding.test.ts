// Operators of known numbers, in every element type in which onnxruntime computes them: folding gives the same result, to the bit.

import * as ort from "onnxruntime-web";
import { describe, expect, test } from "vitest";
import { importOnnx } from "#import/onnx/import-onnx.js";
import { interpret } from "#interpret/interpret.js";
import { halfToFloat } from "#weights/half.js";
import { modelOf } from "./text-model.js";

ort.env.wasm.numThreads = 1;
ort.env.logLevel = "error";

const float = [0.7, -0.7, 10, 1 / 3, -2.5, 2.5, 0.1, 1e-3, 16_777_217, -7, 3, 0.6];
const other = [10, 0.3, 0.7, 3, -0.4, 0.5, 0.1, 1e3, 3, 2, -2, 5];
const values: Readonly<Record<string, readonly [readonly number[], readonly number[]]>> = {
  float: [float, other],
  float64: [float, other],
  int8: [
    [127, -128, 100, -7, 7, -100, 64, 1],
    [1, -1, 100, 2, -2, 3, 2, 3],
  ],
  uint8: [
    [255, 200, 100, 7, 9, 0, 64, 1],
    [1, 100, 100, 2, 4, 3, 4, 3],
  ],
  int32: [
    [2_147_483_647, -2_147_483_648, 65_537, -7, 7, -100_000, 64, 1],
    [1, 2, 65_537, 2, -2, 100_000, 3, 5],
  ],
  int64: [
    [1_099_511_627_776, -9, 65_537, -7, 7, -100_000, 64, 1],
    [3, 2, 65_537, 2, -2, 100_000, 3, 5],
  ],
};

const numbers: Readonly<Record<string, number>> = {
  float: 1,
  uint8: 2,
  int8: 3,
  uint16: 4,
  int16: 5,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  float64: 11,
  uint32: 12,
};

interface Outcome {
  readonly peer: readonly number[];
  readonly own: readonly number[];
}

/**
 * The results of onnxruntime and of the importer for a model whose only input is not used for the result; undefined if the peer does not
 * run it.
 */
async function outcome(lines: readonly string[], output: string): Promise<Outcome | undefined> {
  const bytes = modelOf(
    [
      "opset 17",
      "input unused float[1]",
      "u = Identity(unused)",
      ...lines,
      `output ${output}`,
      "output u",
    ].join("\n"),
  );
  let result: ort.Tensor;
  try {
    const session = await ort.InferenceSession.create(bytes, {
      graphOptimizationLevel: "disabled",
      logSeverityLevel: 4,
    });
    result = (await session.run({ unused: new ort.Tensor("float32", [0], [1]) }))[output]!;
  } catch {
    return undefined;
  }
  const data = [...(result.data as ArrayLike<number | bigint> & Iterable<number | bigint>)].map(Number);
  // Halves come as their bits.
  const peer = result.type === "float16" ? data.map(halfToFloat) : data;
  const { value, diagnostics } = importOnnx(bytes);
  if (!value) return expect.fail(diagnostics.map(({ message }) => message).join("\n"));
  const own = interpret(value, new Map([["unused", { shape: [1], data: new Float64Array(1) }]])).get(output)!;
  return { peer: peer.map(Math.fround), own: [...own.data].map(Math.fround) };
}

function list(given: readonly number[], type: string): string {
  return `${type}[${given.length}] = ${given.join(", ")}`;
}

/** Both sides are the same, if the peer ran; −0 counts as 0. Weights of float64 are those of f32 here, and what is made of them too. */
function same(found: Outcome | undefined, isNeeded: boolean, isDouble = false): void {
  if (!found) return expect(isNeeded, "onnxruntime does not run it").toBe(false);
  if (isDouble) {
    for (const [at, one] of found.peer.entries())
      expect(Math.abs(found.own[at]! - one)).toBeLessThanOrEqual(2 ** -22 * Math.abs(one));
    return;
  }
  expect(found.own.map((one) => one + 0)).toEqual(found.peer.map((one) => one + 0));
}

describe("of two operands", () => {
  const operators = [
    "Add",
    "Sub",
    "Mul",
    "Div",
    "Mod",
    "Min",
    "Max",
    "Equal",
    "Less",
    "LessOrEqual",
    "Greater",
    "Where",
  ];
  const cases = operators.flatMap((op) => Object.keys(values).map((type) => [op, type] as const));
  test.each(cases)("%s of %s", async (op, type) => {
    const [a, b] = values[type]!;
    const isFloat = type.startsWith("float");
    const node =
      op === "Where" ? "y = Where(k, a, b)" : `y = ${op}(a, b)${op === "Mod" && isFloat ? " fmod=1" : ""}`;
    const lines = [
      `weight a ${list(a, type)}`,
      `weight b ${list(b, type)}`,
      ...(op === "Where"
        ? [
            `weight k ${list(
              a.map((_, at) => at % 2),
              "bool",
            )}`,
          ]
        : []),
      node,
    ];
    const isNeeded = type === "float" || type === "int64" || type === "int32";
    same(await outcome(lines, "y"), isNeeded, type === "float64");
  });

  test.each(["int32", "int64"])("Mod with fmod=1 of %s", async (type) => {
    const [a, b] = values[type]!;
    same(
      await outcome([`weight a ${list(a, type)}`, `weight b ${list(b, type)}`, "y = Mod(a, b) fmod=1"], "y"),
      true,
    );
  });
});

describe("of one operand", () => {
  const operators = ["Abs", "Neg", "Sign", "Floor", "Ceil", "Round", "Sqrt", "Reciprocal"];
  const cases = operators.flatMap((op) =>
    ["float", "float64", "int32", "int64", "int8"].map((type) => [op, type] as const),
  );
  test.each(cases)("%s of %s", async (op, type) => {
    const a = values[type]![0].map((one) =>
      op === "Sqrt" && type.startsWith("float") ? Math.abs(one) : one,
    );
    const lines = [`weight a ${list(a, type)}`, `y = ${op}(a)`];
    same(await outcome(lines, "y"), type === "float", type === "float64");
  });
});

describe("Cast", () => {
  const types = Object.keys(numbers);
  const cases = types.flatMap((from) => types.map((to) => [from, to] as const));
  test.each(cases.filter(([from]) => from !== "float16" && from !== "bool"))(
    "from %s to %s",
    async (from, to) => {
      const given = from.startsWith("float")
        ? [0.7, -0.7, 10.5, -2.5, 300.7, 70_000, 3e9, 1e20, 65_519.9, 2049, 1 / 3]
        : from.startsWith("uint")
          ? [0, 1, 200, 255]
          : (values[from]?.[0] ?? [-32_768, 32_767, 300, -1]);
      same(
        await outcome(
          [`weight a ${list(given, from)}`, `b = Identity(a)`, `y = Cast(b) to=${numbers[to]}`],
          "y",
        ),
        from === "float",
      );
    },
  );

  test("through float16 and bfloat16", async () => {
    const lines = [`weight a ${list([0.7, 1 / 3, 2049, 1e-7, 70_000], "float")}`];
    same(await outcome([...lines, "b = Cast(a) to=10", "y = Cast(b) to=1"], "y"), true);
    same(await outcome([...lines, "b = Cast(a) to=16", "y = Cast(b) to=1"], "y"), true);
  });
});

describe("chains", () => {
  const chains: Readonly<Record<string, readonly string[]>> = {
    "floor of a product of weights": [
      "weight a float[3] = 10, 20, 640",
      "weight b float[3] = 0.7, 0.35, 0.65",
      "p = Mul(a, b)",
      "y = Floor(p)",
    ],
    "floor of many products": [
      `weight a ${list(
        Array.from({ length: 200 }, (_, at) => at),
        "float",
      )}`,
      "weight b float[] = 0.7",
      "weight c float[] = 0.1",
      "p = Mul(a, b)",
      "q = Add(p, c)",
      "r = Sub(q, c)",
      "y = Floor(r)",
    ],
    "quantized weights": [
      `weight a ${list(
        Array.from({ length: 300 }, (_, at) => at / 10),
        "float",
      )}`,
      "weight s float[] = 0.2",
      "weight z uint8[] = 3",
      "q = QuantizeLinear(a, s, z)",
      "y = Cast(q) to=1",
    ],
    "a range of floats": [
      "weight a float[] = 0",
      "weight b float[] = 2",
      "weight c float[] = 0.1",
      "y = Range(a, b, c)",
    ],
    "a range of integers": [
      "weight a int64[] = 10",
      "weight b int64[] = -5",
      "weight c int64[] = -4",
      "y = Range(a, b, c)",
    ],
    "a power of integers": [
      "weight a int32[4] = 2, 3, -2, 10",
      "weight b int32[4] = 10, 4, 3, 9",
      "y = Pow(a, b)",
    ],
    "ceil of a quotient of doubles": [
      "weight a float64[2] = 10, 0.3",
      "weight b float64[2] = 0.1, 0.1",
      "p = Div(a, b)",
      "y = Ceil(p)",
    ],
    "products of doubles": [
      "weight a float64[1] = 10",
      "weight b float64[1] = 0.7",
      "p = Mul(a, b)",
      "y = Floor(p)",
    ],
    "floats in integers": [
      "weight a float[4] = 0.7, 1.4, 2.1, 7",
      "weight b float[] = 10",
      "p = Mul(a, b)",
      "y = Cast(p) to=7",
    ],
    "uint8 wraps": [
      "weight a uint8[2] = 200, 255",
      "weight b uint8[2] = 100, 1",
      "p = Add(a, b)",
      "y = Cast(p) to=1",
    ],
  };
  test.each(Object.entries(chains))("%s", async (_, lines) => {
    same(await outcome(lines, "y"), false);
  });
});

// onnxruntime computes half sums in f32 and does not round them.
test("each operator rounds to half", async () => {
  const lines = ["weight a float[3] = 2048, 0.1, 3.3", "weight b float[3] = 1, 0.2, 7"];
  const nodes = ["h = Cast(a) to=10", "g = Cast(b) to=10", "p = Add(h, g)", "y = Cast(p) to=1"];
  expect((await outcome([...lines, ...nodes], "y"))!.own).toEqual([2048, 0.2998046875, 10.296875]);
});
