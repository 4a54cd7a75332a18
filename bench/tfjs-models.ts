// Published TensorFlow.js models, imported and compiled, against TensorFlow.js itself: `npm run tfjs-models`.
// The package nsfwjs holds a MobileNetV2 and an InceptionV3 as layers models and a MobileNetV2 as a graph model, weights in 8 bits.

import { readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import "@tensorflow/tfjs-backend-cpu";
import { loadGraphModel } from "@tensorflow/tfjs-converter";
import * as tf from "@tensorflow/tfjs-core";
import { loadLayersModel } from "@tensorflow/tfjs-layers";
import { compile, dataFileOf, elements, importTfjs, inputNodes, load, optimize } from "../src/index.js";
import { seededRandom } from "../src/ops/random.js";

/** Largest difference that passes, relative to the largest result. */
const tolerance = 1e-3;

interface Manifest {
  readonly paths: readonly string[];
  readonly weights: tf.io.WeightsManifestEntry[];
}

interface ModelJson {
  readonly format?: string;
  readonly modelTopology: object;
  readonly weightsManifest: readonly Manifest[];
}

const require = createRequire(import.meta.url);
// Its main file is dist/cjs/index.js.
const folder = join(dirname(require.resolve("nsfwjs")), "../models");
await tf.setBackend("cpu");
let worst = 0;
for (const name of ["mobilenet_v2", "mobilenet_v2_mid", "inception_v3"])
  worst = Math.max(worst, await compare(name));
if (!(worst <= tolerance)) process.exitCode = 1;

/** Prints the ops of a model after the passes, and the differences for three inputs; gives the largest. */
async function compare(name: string): Promise<number> {
  const own = join(folder, name);
  const json = contentOf(join(own, "model.min.js")) as ModelJson;
  const shards = new Map(
    readdirSync(own)
      .filter((file) => file.startsWith("group"))
      .map((file) => [
        file.replace(".min.js", ""),
        Buffer.from(String(contentOf(join(own, file))), "base64"),
      ]),
  );
  const shard = (path: string): Uint8Array => {
    const bytes = shards.get(path);
    if (!bytes) throw new Error(`there is no ${path}`);
    return bytes;
  };
  const { value, diagnostics } = importTfjs(JSON.stringify(json), {
    file: `${name}/model.json`,
    openData: (path) => dataFileOf(shard(path)),
  });
  if (!value) throw new Error(diagnostics.map(({ message }) => message).join("\n"));
  const peer = await peerOf(json, shard);
  const counts = new Map<string, number>();
  for (const { op } of optimize(value, { without: ["fuse"] }).value?.module.graph.nodes.values() ?? [])
    if (op !== "constant" && op !== "input") counts.set(op, (counts.get(op) ?? 0) + 1);
  console.log(`${name}: ${[...counts].map(([op, count]) => `${count} ${op}`).join(", ")}`);
  const [input] = inputNodes(value.graph);
  if (!input) throw new Error(`${name} has no input`);
  let worst = 0;
  for (const target of ["js", "wasm"] as const) {
    const artifact = compile(value, { target }).value;
    if (!artifact) throw new Error(`${name} does not compile`);
    const net = await load(artifact);
    for (const seed of [1, 2, 3]) {
      const random = seededRandom(seed);
      const data = Float32Array.from({ length: elements(input.type.shape) }, () => random.next());
      const expected = peer(data, input.type.shape);
      const [actual = new Float32Array()] = Object.values(net.runSync({ [input.name]: data }));
      const most = Math.max(...expected.map(Math.abs));
      const error = Math.max(...expected.map((one, at) => Math.abs(one - Number(actual[at])))) / most;
      worst = Math.max(worst, error);
      console.log(`  ${target} input ${seed}: ${error.toExponential(1)} of the largest result`);
    }
    net.dispose();
  }
  return worst;
}

/** The files of the package are scripts for browsers and Node that give their content. */
function contentOf(path: string): unknown {
  const content: unknown = require(path);
  return typeof content === "object" && content !== null && "default" in content ? content.default : content;
}

async function peerOf(
  json: ModelJson,
  shard: (path: string) => Uint8Array,
): Promise<(data: Float32Array, shape: readonly number[]) => Float32Array> {
  const all = Uint8Array.from(Buffer.concat(json.weightsManifest.flatMap(({ paths }) => paths.map(shard))));
  const artifacts: tf.io.ModelArtifacts = {
    ...json,
    weightSpecs: json.weightsManifest.flatMap(({ weights }) => weights),
    weightData: all.buffer,
  };
  const handler: tf.io.IOHandler = { load: () => Promise.resolve(artifacts) };
  const model =
    json.format === "graph-model" ? await loadGraphModel(handler) : await loadLayersModel(handler);
  return (data, shape) =>
    tf.tidy(() => {
      const result = model.predict(tf.tensor(data, [...shape]));
      if (!(result instanceof tf.Tensor)) throw new Error("the model has several results");
      return Float32Array.from(result.dataSync());
    });
}
