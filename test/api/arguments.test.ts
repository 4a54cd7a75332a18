// Values that no type checker has seen: a wrong argument of any function of the API is a TypeError with a clear message, never an inner error.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import * as api from "../../src/index.js";
import * as node from "../../src/node/index.js";
import { targets } from "../../src/compile/targets.js";
import type { WriteNetOptions } from "../../src/node/write-net.js";
import type { LiftOptions } from "../../src/inspect/lift.js";

const folder = mkdtempSync(join(tmpdir(), "cleave-arguments-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const text =
  "net tiny {\n  input x: f32[N, 2, 2, 1] preprocess()\n  output y = x |> global_avg_pool |> dense(units=3)\n}\n";
const ast = api.parse(text, "tiny.net").value!;
const module = api.elaborate(ast).value!;
const artifact = api.compile(text, { target: "js" }).value!;
const input = new Map([["x", api.tensor([1, 2, 2, 1], () => 1)]]);

const onnx = node.writeOnnx(module, join(folder, "read.onnx")).value!.path;
const json = JSON.stringify({ modelTopology: {}, weightsManifest: [] });

/** All options, with right values; a missing option does not compile. */
const nothing = (): void => {};
const elaborating: Required<api.ElaborateOptions> = {
  net: "tiny",
  dims: new Map([["N", 2]]),
  imports: { open: () => ({ diagnostics: [] }) },
  weights: { open: () => ({ diagnostics: [] }) },
  weightsPath: "a.safetensors",
  store: module.weights,
  seedless: false,
};
const optimizing: Required<Omit<api.OptimizeOptions, "target">> = {
  winograd: true,
  winogradMemory: 2,
  ...api.parseRules("rule r: relu(relu(x)) => relu(x)\nfuse f: dense -> relu", "rules.net").value!,
  split: { mode: "structural" },
  weightType: "int8",
  rulesAt: ["before canonicalize"],
  withoutRules: [],
  trustRules: true,
  approx: true,
  extraPasses: [
    { pass: { name: "mine", doc: "Changes nothing.", run: (before) => before }, at: "before fuse" },
  ],
  passes: ["fuse"],
  without: [],
  from: "canonicalize",
  stopAfter: "fuse",
  verify: true,
  printAfter: ["fuse"],
  onPrint: nothing,
  onStart: nothing,
  onPass: nothing,
  onTime: nothing,
};
const emitting: Required<api.EmitModuleOptions> = {
  target: "js",
  limits: {},
  adapter: "gpu",
  f16: false,
  verify: false,
  embedWeights: false,
  workerFile: false,
  format: "esm",
  task: "classify",
  packedInto: { open: nothing, write: nothing },
  onPacked: nothing,
  sources: new Map([["tiny.net", text]]),
};
const { net: _chosen, ...building } = elaborating;
const importing: Required<api.ImportOptions> = {
  file: "a",
  dims: new Map([["N", 2]]),
  outputs: ["y"],
  inputs: ["x"],
  openData: () => api.dataFileOf(new Uint8Array(4)),
  constants: { x: [1, 2] },
};
const loading: Required<api.LoadOptions> = {
  weights: artifact.weights as Uint8Array<ArrayBuffer>,
  fetch,
  signal: new AbortController().signal,
  onProgress: nothing,
  cache: false,
  gpu: { requestAdapter: nothing },
  device: { createBuffer: nothing },
  threads: 1,
  worker: true,
  simd: "simd",
  poison: true,
  leastWork: 1,
};
const verifying: Required<api.VerifyOptions> & { load: api.LoadOptions } = {
  seed: 1,
  kinds: ["normal"],
  optimized: api.optimize(module).value!,
  mostDrift: 1,
  onStep: nothing,
  load: loading,
};
const {
  verify: _verify,
  printAfter: _printAfter,
  onPrint: _onPrint,
  onStart: _onStart,
  onPass: _onPass,
  onTime: _onTime,
  ...passing
} = optimizing;
const bisecting: Required<Omit<api.BisectOptions, "samples">> = {
  ...passing,
  target: "js",
  limits: {},
  adapter: "gpu",
  f16: false,
  load: {},
  seed: 1,
  mostDrift: 1,
  seconds: 1,
  onStep: nothing,
};
const { embedWeights: _, packedInto: __, ...profiled } = emitting;
const profiling: Required<api.ProfileOptions> = {
  ...profiled,
  written: module,
  threads: 1,
  runs: 1,
  warmup: 0,
  gpu: loading.gpu,
  roofline: { macs: 1000, elements: 64, milliseconds: 1 },
  onStep: nothing,
};
const reading: Required<node.ReadOptions> = {
  dims: new Map(),
  constants: {},
  inputs: [],
  outputs: [],
  net: "tiny",
  weights: join(folder, "none.safetensors"),
};
const { packedInto: ___, ...written } = emitting;
const writing: Required<node.WriteModuleOptions> = { ...written, inputs: [], shaders: true };
const { target: _target, embedWeights: _embed, ...common } = emitting;
const together: Required<api.EmitAutoOptions> = {
  ...common,
  order: "time",
  packedInto: () => ({ open: nothing, write: nothing }),
};
const { packedInto: _into, ...writtenTogether } = together;
const modules: readonly api.ForTarget[] = [{ target: "wasm", module }];
const exporting: Required<api.ExportOptions> = { opset: 20, nchw: false, version: "1" };
const { version: ____, ...exported } = exporting;

const { rules, fusions, rulesAt, trustRules, approx, without } = optimizing;
const splitting: Required<api.SplitNetworkOptions> = {
  split: { mode: "macs", share: 0.5 },
  target: "wasm",
  limits: {},
  adapter: "gpu",
  winograd: true,
  winogradMemory: 2,
  rules,
  fusions,
  rulesAt,
  trustRules,
  approx,
  without,
  distill: 1,
  seed: 1,
  threads: 1,
  veto: true,
  checkpoints: { load: async () => undefined, save: async () => {} },
  onProgress: nothing,
};
const { veto: _____, distill: ______, seed: _______, split: ________, ...quantizing } = splitting;
const samples = api.samplesOf([{ x: Float32Array.of(1, 2) }, { x: Float32Array.of(2, 1) }]);

const optimized = api.optimize(module as api.Module).value!;

/** Right arguments of every function of the API, also the optional ones. */
const calls: Readonly<Record<string, readonly unknown[]>> = {
  parse: [text, "tiny.net"],
  print: [ast],
  render: [[], new Map(), { color: false } satisfies Required<api.RenderOptions>],
  hasErrors: [[]],
  elaborate: [ast, elaborating],
  net: [
    "tiny",
    (n: api.NetBuilder) => n.output("y", n.input("x", ["N", 2]).relu()),
    { ...building, file: "tiny.net" } satisfies Required<api.NetOptions>,
  ],
  importTfjs: [new TextEncoder().encode(json), importing],
  importOnnx: [node.readBytes(onnx).value!, importing],
  fixInputs: [module, {}],
  dataFileOf: [new Uint8Array(4)],
  exportOnnx: [module, exporting],
  openWeightBytes: [new Uint8Array(8), "a.safetensors"],
  writeSafetensors: [[], { key: "value" }],
  interpret: [module, input],
  interpretScaled: [module, input],
  longestReduction: [module],
  parseRules: ["", "rules.net", { predicates: {} } satisfies Required<api.RuleOptions>],
  nativeRule: [
    {
      name: "mine",
      ops: ["relu"],
      rewrite: () => undefined,
      left: "relu(x)",
      approx: 0.1,
      benefit: 1,
    } satisfies Required<api.NativeRuleOptions>,
  ],
  checkRule: [optimizing.rules[0], { seed: 1, samples: 4 } satisfies Required<api.RuleCheckOptions>],
  editGraph: [module, "mine", nothing],
  verifyModule: [module],
  targetFor: ["wgsl", { limits: {}, adapter: "software" } satisfies Required<api.Devices>],
  optimize: [module, { ...optimizing, target: targets.js.target } satisfies Required<api.OptimizeOptions>],
  samplesOf: [[{ x: Float32Array.of(1, 2) }]],
  splitNetwork: [module, samples, splitting],
  quantize: [
    module,
    samples,
    {
      ...quantizing,
      split: optimizing.split,
      withoutRules: optimizing.withoutRules,
      loss: 1,
    } satisfies Required<api.QuantizeOptions>,
  ],
  printGraph: [
    module,
    { types: true, weightsPath: (path: string) => path, literals: 16 } satisfies Required<LiftOptions>,
  ],
  graphJson: [module],
  graphDot: [module],
  graphSvg: [module],
  filmPage: [
    module,
    optimized,
    {
      target: "wasm",
      limits: {},
      adapter: "gpu",
      f16: false,
      sources: new Map(),
      sample: { x: Float32Array.of(1, 2, 3, 4) },
      profile: await api.profile(module, { target: "js", runs: 1, warmup: 0 }),
    } satisfies Required<api.FilmPageOptions>,
  ],
  comparisonPage: [
    [module, module],
    ["one", "two"],
    {
      sources: new Map(),
      sample: { x: Float32Array.of(1, 2, 3, 4) },
    } satisfies Required<api.ComparisonPageOptions>,
  ],
  explain: [module],
  explainRule: [
    optimized,
    "add_zero",
    { sources: new Map(), most: 1 } satisfies Required<api.ExplainRuleOptions>,
  ],
  explainFusion: [
    optimized,
    "elementwise",
    { sources: new Map(), most: 1 } satisfies Required<api.ExplainRuleOptions>,
  ],
  emit: [module, emitting],
  emitAuto: [modules, together],
  takePictures: [
    module,
    {
      image: true,
      input: "x",
      labels: ["a", "b", "c"],
      scale: 1,
      mean: [0],
      std: [1],
      fit: "cover",
      crop: 1,
      pad: 0,
      order: "rgb",
      layout: "nhwc",
    } satisfies Required<api.PictureOptions>,
  ],
  compile: [
    text,
    { ...elaborating, ...optimizing, ...emitting, file: "a.net" } satisfies Required<api.CompileOptions>,
  ],
  load: [artifact, loading],
  verifyArtifact: [artifact, module, verifying],
  bisect: [
    module,
    {
      ...bisecting,
      samples: [{ x: Float32Array.of(1, 2, 3, 4) }],
    } satisfies Required<api.BisectOptions>,
  ],
  profile: [module, profiling],
  readModel: [join(folder, "none.net"), reading],
  checkNets: [ast, reading],
  readRules: [[]],
  readText: [join(folder, "none.net")],
  readBytes: [join(folder, "none.net")],
  checkpointFiles: [join(folder, "checkpoints")],
  writeModule: [module, folder, writing],
  writeAuto: [
    modules,
    folder,
    { ...writtenTogether, inputs: [], shaders: true } satisfies Required<node.WriteAutoOptions>,
  ],
  writeArtifact: [artifact, folder, []],
  writeFileAtomically: [join(folder, "a.txt"), "a", []],
  writeNet: [
    module,
    join(folder, "tiny.net"),
    { inputs: [], onWeight: nothing } satisfies Required<WriteNetOptions>,
  ],
  writeOnnx: [
    module,
    join(folder, "tiny.onnx"),
    { ...exported, inputs: [], onWritten: nothing } satisfies Required<node.WriteOnnxOptions>,
  ],
};

/** Small helpers for results of other functions; only the type checker checks their arguments. */
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
  "targets",
  "targetNames",
  "users",
  "outputIds",
  "createWeightStore",
  "inferType",
  "makeNode",
  "tolerance",
  "explainKernels",
  "explainText",
  "explainRuleText",
  "explainFusionText",
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

/** Functions whose last argument is an object that is no object with options. */
const takeOthers = new Set(["print", "fixInputs", "writeSafetensors", "samplesOf"]);

function takesOptions(name: string): boolean {
  const last = calls[name]?.at(-1);
  return (
    !takeOthers.has(name) &&
    Object.getPrototypeOf(last) === Object.prototype &&
    !("graph" in (last as object))
  );
}

/** The text is a path that may be written to. */
const wrong = [null, 7, join(folder, "no"), true, [], {}, () => 1] as const;

/** Values that are wrong in a part. */
const wrongParts = [
  ...wrong,
  undefined,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  -1,
  0.5,
  "",
  7n,
  Symbol.iterator,
  [7],
  [null],
  ["no"],
  [{}],
  { x: null },
  { x: "no" },
  { mode: 7 },
  { mode: "error" },
  { mode: "structural", m: "no" },
  { macs: "no" },
  { maxBufferSize: "no" },
  new Map([["N", "no"]]),
  new Map([[7, 7]]),
  new Uint8Array(3),
  new Date(),
] as const;

describe.each(Object.entries(calls))("%s", (name, right) => {
  const call = functions[name] as (...of: readonly unknown[]) => unknown;

  /** The error that it throws with these arguments, if any. */
  async function thrownBy(given: readonly unknown[]): Promise<unknown> {
    try {
      const result = call(...given);
      // A generator starts with its first piece.
      if (name === "writeSafetensors") Array.from(result as Iterable<unknown>);
      await result;
    } catch (error) {
      return error;
    }
    return undefined;
  }

  test("takes right arguments", async () => {
    expect(await thrownBy(right)).toBeUndefined();
  });

  test.runIf(takesOptions(name))("an option that does not exist", async () => {
    const last = right.length - 1;
    const options = right[last] as object;
    const [longest = ""] = Object.keys(options).toSorted((a, b) => b.length - a.length);
    const thrown = await thrownBy(right.with(last, { ...options, [`${longest}s`]: 1 }));
    expect(thrown).toBeInstanceOf(TypeError);
    expect((thrown as TypeError).message).toContain(
      `${name} takes no option "${longest}s"; did you mean "${longest}"?`,
    );
    const other = await thrownBy(right.with(last, { ...options, xyzzy: 1 }));
    expect((other as TypeError).message).toContain(`${name} takes no option "xyzzy"; it takes `);
  });

  test.each(right.flatMap((_value, at) => wrong.map((value) => [at, value] as const)))(
    "argument %i as %j",
    async (at, value) => {
      const thrown = await thrownBy(right.with(at, value));
      if (thrown === undefined) return;
      expect(thrown).toBeInstanceOf(TypeError);
      expect((thrown as TypeError).message).toMatch(/^\w+ takes |^there is no |^tiny: /);
    },
  );

  const last = right.at(-1) as Record<string, unknown>;
  const options = right.length > 1 && Object.getPrototypeOf(last) === Object.prototype ? last : {};

  test.each(Object.keys(options))("each wrong value of the option %s", async (option) => {
    // A value without sizes means the default ones, which take seconds.
    const isSlow = (value: unknown): boolean =>
      option === "roofline" && Object.keys(value ?? {}).length === 0;
    for (const value of wrongParts.filter((one) => one === null || !isSlow(one))) {
      const thrown = await thrownBy(right.with(right.length - 1, { ...options, [option]: value }));
      if (value === null) expect(thrown).toBeInstanceOf(TypeError);
      if (thrown === undefined) continue;
      expect(String(thrown), String(value)).toMatch(
        /^TypeError: ((tiny: )?\w+ takes (no option |.*, not )|there is no |winogradMemory must be )|^Error: tiny: (cannot find|the array given) /,
      );
    }
  });
});
