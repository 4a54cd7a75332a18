// What no type checker saw: a wrong argument of any function of the API is a TypeError in words, never one from our depths.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import * as api from "../../src/index.js";
import * as node from "../../src/node.js";

const folder = mkdtempSync(join(tmpdir(), "cleave-arguments-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const text = "net tiny {\n  input x: f32[N, 2]\n  output y = x |> dense(units=3)\n}\n";
const ast = api.parse(text, "tiny.net").value!;
const module = api.elaborate(ast).value!;
const artifact = api.compile(text, { target: "js" }).value!;
const input = new Map([["x", api.tensor([1, 2], () => 1)]]);

/** Right arguments of every function of the API; those that may be left out, too. */
const calls: Readonly<Record<string, readonly unknown[]>> = {
  parse: [text, "tiny.net"],
  print: [ast],
  render: [[], new Map(), {}],
  hasErrors: [[]],
  elaborate: [ast, {}],
  importTfjs: [new TextEncoder().encode("{}"), {}],
  importOnnx: [new Uint8Array(0), {}],
  fixInputs: [module, {}],
  dataFileOf: [new Uint8Array(4)],
  exportOnnx: [module, {}],
  openWeightBytes: [new Uint8Array(8), "a.safetensors"],
  writeSafetensors: [[], {}],
  interpret: [module, input],
  interpretScaled: [module, input],
  longestReduction: [module],
  parseRules: ["", "rules.net"],
  optimize: [module, {}],
  printGraph: [module, {}],
  graphJson: [module],
  graphDot: [module],
  explain: [module],
  emit: [module, {}],
  compile: [text, {}],
  load: [artifact, {}],
  verifyArtifact: [artifact, module, {}],
  profile: [
    module,
    { runs: 1, warmup: 0, target: "js", roofline: { macs: 1000, elements: 64, milliseconds: 0 } },
  ],
  readModel: [join(folder, "none.net"), {}],
  checkNets: [ast, {}],
  readRules: [[]],
  readText: [join(folder, "none.net")],
  readBytes: [join(folder, "none.net")],
  writeModule: [module, folder, {}],
  writeArtifact: [artifact, folder, []],
  writeFileAtomically: [join(folder, "a.txt"), "a", []],
  writeNet: [module, join(folder, "tiny.net"), {}],
  writeOnnx: [module, join(folder, "tiny.onnx"), {}],
};

/** Small helpers over what other functions return; their arguments are the type checker's. */
const helpers = new Set([
  "InternalError",
  "inputNodes",
  "nodeOf",
  "topological",
  "elements",
  "printType",
  "tensor",
  "ops",
  "passes",
  "tolerance",
  "explainKernels",
  "explainText",
  "profileText",
  "version",
  "nodeGpu",
  "readStdin",
  "distributionNames",
  "verifiedKinds",
]);

const functions: Readonly<Record<string, unknown>> = { ...api, ...node };

test("every function of the API is tried", () => {
  expect([...Object.keys(calls), ...helpers].toSorted()).toEqual(Object.keys(functions).toSorted());
});

/** The text is a path that may be written to. */
const wrong = [null, 7, join(folder, "no"), true, [], {}, () => 1] as const;

describe.each(Object.entries(calls))("%s", (name, right) => {
  const call = functions[name] as (...of: readonly unknown[]) => unknown;

  test("takes what is right", async () => {
    await expect((async () => call(...right))()).resolves.not.toThrow();
  });

  test.each(right.flatMap((_, at) => wrong.map((value) => [at, value] as const)))(
    "argument %i as %j",
    async (at, value) => {
      const given = right.with(at, value);
      let thrown: unknown;
      try {
        const result = call(...given);
        // A generator begins with its first piece.
        if (name === "writeSafetensors") Array.from(result as Iterable<unknown>);
        await result;
      } catch (error) {
        thrown = error;
      }
      if (thrown === undefined) return;
      expect(thrown).toBeInstanceOf(TypeError);
      expect((thrown as TypeError).message).toMatch(/^\w+ takes |^there is no |^tiny: /);
    },
  );
});
