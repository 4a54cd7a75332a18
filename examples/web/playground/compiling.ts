// What the worker does: compiles a text as far as a view needs it, and keeps the stages while the text stays the same.

import { pictureInput } from "#backend/pictures.js";
import { printKernels } from "#kernel/ir/print.js";
import { preprocessOf } from "#ops/preprocess.js";
import { pixelValues } from "#runtime/pixels.js";
import { lowerModule } from "#compile/lower-module.js";
import type {
  Artifact,
  Diagnostic,
  Elaborated,
  Module,
  Net,
  Node,
  Optimized,
  TargetName,
  WeightFile,
} from "../../../src/index.js";
import {
  elaborate,
  emit,
  explain,
  filmPage,
  graphSvg,
  hasErrors,
  inputNodes,
  load,
  openWeightBytes,
  optimize,
  parse,
  parseRules,
  printGraph,
  targets,
} from "../../../src/index.js";
import type { GivenInput, Port, Ran, Remark, Reply, Request } from "./protocol.js";

/** Larger nets are shown, but not emitted: their seeded weights would fill the memory of a page. */
const mostParameters = 20_000_000;

/** The addresses of weight files that nets may name. */
export type Addresses = Readonly<Record<string, string>>;

interface Checked {
  readonly text: string;
  readonly diagnostics: readonly Diagnostic[];
  readonly model?: Elaborated;
}

interface Passed {
  readonly checked: Checked;
  readonly target: TargetName;
  readonly diagnostics: readonly Diagnostic[];
  readonly optimized?: Optimized;
  artifact?: Artifact;
  net?: Net;
}

const file = "model.net";

/** A function that answers requests; `post` sends the replies of each. */
export function createCompiler(addresses: Addresses, post: (reply: Reply) => void) {
  const files = new Map<string, WeightFile>();
  let checked: Checked | undefined;
  let passed: Passed | undefined;

  async function check(text: string): Promise<Checked> {
    const parsed = parse(text, file);
    const ast = parsed.value;
    const isNet = ast?.items.some((item) => item.kind === "net") ?? false;
    if (!ast || hasErrors(parsed.diagnostics) || !isNet) {
      // A file of rules alone is fine, as long as they compile.
      const rules = ast && !hasErrors(parsed.diagnostics) ? parseRules(text, file).diagnostics : [];
      return { text, diagnostics: [...parsed.diagnostics, ...rules] };
    }
    for (const item of ast.items)
      for (const statement of item.kind === "net" ? item.body : [])
        if (statement.kind === "weights") await fetchWeights(statement.path.value);
    const open = (path: string) => {
      const found = files.get(path);
      return found
        ? { value: found, diagnostics: [] }
        : {
            diagnostics: [
              {
                severity: "error" as const,
                code: "cannot-read" as const,
                message: `the playground has no file ${path}`,
                help: ["without `weights`, the parameters of a net are random values of a seed"],
              },
            ],
          };
    };
    const elaborated = elaborate(ast, { weights: { open } });
    const rules = parseRules(text, file).diagnostics;
    const diagnostics = [...parsed.diagnostics, ...elaborated.diagnostics, ...rules];
    return elaborated.value && !hasErrors(diagnostics)
      ? { text, diagnostics, model: elaborated.value }
      : { text, diagnostics };
  }

  async function fetchWeights(path: string): Promise<void> {
    const address = Object.hasOwn(addresses, path) ? addresses[path] : undefined;
    if (address === undefined || files.has(path)) return;
    const response = await fetch(address);
    const opened = openWeightBytes(new Uint8Array(await response.arrayBuffer()), path);
    if (opened.value) files.set(path, opened.value);
  }

  function pass(before: Checked, model: Elaborated, target: TargetName): Passed {
    const rules = parseRules(before.text, file).value ?? { rules: [], fusions: [] };
    const { value, diagnostics } = optimize(model, { ...rules, target });
    return { checked: before, target, diagnostics, ...(value && { optimized: value }) };
  }

  return async ({ id, text, target, view }: Request): Promise<void> => {
    if (checked?.text !== text) {
      checked = undefined;
      passed?.net?.dispose();
      passed = undefined;
      checked = await check(text);
    }
    const { model, diagnostics } = checked;
    const say = (said: readonly Diagnostic[]): void =>
      post({ id, kind: "checked", remarks: said.map(remarkOf), isNet: model !== undefined });
    say(diagnostics);
    if (!model) return;
    if (passed?.checked !== checked || passed.target !== target) {
      passed?.net?.dispose();
      passed = undefined;
      passed = pass(checked, model, target);
    }
    if (passed.diagnostics.length > 0) say([...diagnostics, ...passed.diagnostics]);
    const { optimized } = passed;
    if (!optimized) return;
    const { parameters, macs, ops } = explain(model);
    const changed = optimized.trace.filter(({ before, after }) => before.graph !== after.graph);
    const passes = [...new Set(changed.map((run) => run.pass.name))];
    post({
      id,
      kind: "facts",
      name: model.name,
      parameters,
      macs,
      ops,
      inputs: portsOf(model),
      passes,
    });
    const large = parameters > mostParameters;
    if (large && (view.kind === "module" || view.kind === "run")) {
      const why = `This net has ${Math.round(parameters / 1e6)} M parameters, which is too much for a page. The command \`cleave compile\` emits it.`;
      post({ id, kind: "none", why });
      return;
    }
    const emitted = (): Artifact => {
      const one = passed as Passed;
      one.artifact ??= emit(optimized.module, { target, sources: new Map([[file, text]]) });
      return one.artifact;
    };
    switch (view.kind) {
      case "picture": {
        const module = moduleAfter(model, optimized, view.pass);
        post({ id, kind: "picture", svg: graphSvg(module) });
        return;
      }
      case "film": {
        const sources = new Map([[file, text]]);
        const { value, diagnostics } = await filmPage(model, optimized, { target, sources });
        if (value === undefined) say(diagnostics);
        else post({ id, kind: "film", name: model.name, page: value });
        return;
      }
      case "graph":
        post({ id, kind: "text", text: printGraph(moduleAfter(model, optimized, view.pass)) });
        return;
      case "kernels":
        post({
          id,
          kind: "text",
          text: printKernels(lowerModule(optimized.module, targets[target]).program),
        });
        return;
      case "module": {
        const artifact = emitted();
        await postSizes(id, artifact);
        const shaders = (artifact.shaders ?? []).map(({ name, text }) => `// ${name}\n${text}`);
        post({ id, kind: "text", text: [readable(artifact.module), ...shaders].join("\n\n") });
        return;
      }
      case "run": {
        const artifact = emitted();
        await postSizes(id, artifact);
        const one = passed;
        one.net ??= await load(artifact);
        const inputs = inputsFor(model, one.net, view.inputs);
        const { outputs, milliseconds, runs } = await timed(one.net, inputs);
        post({ id, kind: "ran", outputs: ranOf(model, one.net, outputs), milliseconds, runs });
        return;
      }
      default:
        return view satisfies never;
    }
  };

  async function postSizes(id: number, { kernels, module, weights }: Artifact): Promise<void> {
    const zipped = new Response(new Blob([module]).stream().pipeThrough(new CompressionStream("gzip")));
    const { byteLength } = await zipped.arrayBuffer();
    post({ id, kind: "sizes", kernels, module: byteLength, weights: weights?.length ?? 0 });
  }
}

function remarkOf({ severity, code, message, span, label, help = [] }: Diagnostic): Remark {
  const lines = [
    label === undefined ? message : `${message} (${label})`,
    ...help.map((line) => `help: ${line}`),
  ];
  const { start, end } = span ?? { start: 0, end: 0 };
  return {
    from: start,
    to: end,
    severity: severity === "note" ? "info" : severity,
    code,
    message: lines.join("\n"),
  };
}

/** The graph after the last run of a pass; as it was written for no pass, and after all for `all`. */
function moduleAfter(model: Module, { module, trace }: Optimized, pass: string): Module {
  if (pass === "") return model;
  return trace.findLast((run) => run.pass.name === pass)?.after ?? module;
}

function portsOf(module: Module): Port[] {
  const { graph } = module;
  return inputNodes(graph).map((input) => {
    const { name, type } = input;
    const { value, problem } = preprocessOf(module, input, {});
    const { height, width } = pictureInput(name, value, type.shape, type.dtype);
    const isImage = problem === undefined && height > 7 && width > 7;
    return { name, shape: type.shape, takesPicture: isImage || (graph.pictures?.has(name) ?? false) };
  });
}

type Values = Float32Array | Uint8Array | Int8Array | Int16Array | Int32Array;

function inputsFor(
  module: Module,
  net: Net,
  given: ReadonlyMap<string, GivenInput>,
): Record<string, Float32Array> {
  const entries = inputNodes(module.graph).map((node, index) => {
    const { name, type } = node;
    const { dtype, shape } = type;
    const input = given.get(name) ?? { kind: "random", seed: index };
    if (input.kind === "picture") {
      const { pictures } = net as { readonly pictures?: object };
      return [name, pictures && name in pictures ? input.picture : valuesOf(module, node, input.picture)];
    }
    const values: Values = new {
      f32: Float32Array,
      u8: Uint8Array,
      i8: Int8Array,
      i16: Int16Array,
      i32: Int32Array,
    }[dtype](shape.reduce((product, extent) => product * extent, 1));
    const random = randomOf(input.seed + 1);
    for (let at = 0; at < values.length; at += 1)
      values[at] =
        dtype === "f32"
          ? normal(random)
          : Math.floor(random() * (dtype === "u8" ? 256 : 200)) - (dtype === "u8" ? 0 : 100);
    return [name, values];
  });
  return Object.fromEntries(entries) as Record<string, Float32Array>;
}

/** The values of an input of which the net does not say how pictures become them, as `cleave run` makes them. */
function valuesOf(module: Module, node: Node, picture: ImageData): Float32Array {
  const { name, type } = node;
  const { width, height } = picture;
  const input = pictureInput(name, preprocessOf(module, node, {}).value, type.shape, type.dtype);
  const values = new Float32Array(type.shape.reduce((product, extent) => product * extent, 1));
  pixelValues(picture, { x: 0, y: 0, width, height }, input, values, 0);
  return values;
}

/** Numbers from 0 to 1 (mulberry32). */
function randomOf(seed: number): () => number {
  let state = Math.imul(seed, 0x9e3779b1);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

/** The milliseconds for which a net is run to measure it. */
const measured = 300;

async function timed(net: Net, inputs: Record<string, Float32Array>) {
  const outputs = await net.run(inputs);
  const times: number[] = [];
  for (const end = performance.now() + measured; times.length < 3 || performance.now() < end;) {
    const start = performance.now();
    await net.run(inputs);
    times.push(performance.now() - start);
  }
  times.sort((a, b) => a - b);
  return { outputs, milliseconds: times[times.length >> 1] ?? 0, runs: times.length };
}

function ranOf({ graph }: Module, net: Net, outputs: Readonly<Record<string, Float32Array>>): Ran[] {
  return Object.entries(outputs).map(([name, values]) => {
    const labels = graph.labels?.get(name);
    const shape = (net.outputs[name] ?? []).map((extent) => (typeof extent === "number" ? extent : 1));
    return { name, shape, values, ...(labels && { labels }) };
  });
}

/** The longest line of a module that is shown as it is. */
const longestLine = 1000;

/** A module without the middles of lines that hold code in base64, or a shader that is shown by itself. */
function readable(module: string): string {
  return module.replaceAll(/^.+$/gm, (line) =>
    line.length <= longestLine
      ? line
      : `${line.slice(0, 100)} … ${line.length - 120} characters … ${line.slice(-20)}`,
  );
}
