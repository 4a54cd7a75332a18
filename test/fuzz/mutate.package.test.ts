// 11,600 bent inputs, each with 2 s and 512 MiB: every one ends in diagnostics or success, never in a stack trace. `FUZZ_SEED=2 npx
// vitest run test/fuzz` takes others, `FUZZ_KEEP` names a folder for the inputs of those that fail.

import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { Worker } from "node:worker_threads";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { seededRandom } from "#ops/random.js";
import { parseCases } from "../cases.js";
import { modelOf } from "../onnx/text-model.js";
import { withWeights } from "../tfjs/peer.js";
import type { ModelFiles } from "../tfjs/text-model.js";
import { graphModel, layersTopology } from "../tfjs/text-model.js";
import { mutateModel } from "./mutate-onnx.js";
import { mutateTfjs } from "./mutate-tfjs.js";
import { mutateBytes, mutateText } from "./mutations.js";

const firstSeed = Number(process.env["FUZZ_SEED"] ?? 0) * 10_000;
/** Most memory of all kinds that an input may take. */
const memoryLimit = 512 * 2 ** 20;

const folder = mkdtempSync(join(tmpdir(), "cleave-fuzz-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const examples = [
  "seed",
  "fm_resnet16",
  "fm_mobile",
  "mobilenet_v1",
  "mobilenet_v2",
  "xception",
  "vgg16",
  "resnet18",
];
const rules =
  "rule twice: relu(relu(x)) => relu(x)\nrule scale: mul(conv2d(x, w, b, ..a), s) => conv2d(x, w * s, b * s, ..a) when constant(w, b, s)\nfuse mine: convolution -> elementwise* -> pointwise? when fits_on_chip\n";

interface Answer {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

test("the compiler is built", () => expect(existsSync("dist/src/cli/program.js")).toBe(true));

describe("texts", () => {
  test.each(Array.from({ length: 16 }, (_, part) => part))("part %i", async (part) => {
    await feed(100, part, (random, index) => {
      const which = random.int(0, examples.length);
      const text =
        which === examples.length ? rules : readFileSync(`examples/${examples[which]}.net`, "utf8");
      const file = join(folder, `text-${part}-${index}.net`);
      writeFileSync(file, mutateText(text, random));
      const weights =
        which === 1 || which === 2 ? ["--weights", `examples/${examples[which]}.safetensors`] : [];
      return random.pick([
        ["check", file, ...weights],
        ["check", file, ...weights],
        ["explain", file, ...weights],
        ["fmt", "--stdout", file],
      ]);
    });
  });
});

describe("weight files", () => {
  test.each([0, 1, 2, 3])("part %i", async (part) => {
    await feed(100, 1000 + part, (random, index) => {
      const name = random.pick(["fm_resnet16", "fm_mobile"]);
      const file = join(folder, `weights-${part}-${index}.safetensors`);
      writeFileSync(file, mutateBytes(readFileSync(`examples/${name}.safetensors`), random));
      return ["compile", `examples/${name}.net`, "--weights", file, "-o", join(folder, "out")];
    });
  });
});

describe("ONNX models", () => {
  const models = parseCases(readFileSync("test/onnx/import.txt", "utf8"), "import.txt").map(({ input }) =>
    modelOf(input),
  );
  test.each([0, 1, 2, 3])("part %i", async (part) => {
    await feed(1200, 2000 + part, (random, index) => {
      const file = join(folder, `model-${part}-${index}.onnx`);
      writeFileSync(file, mutateModel(random.pick(models), random));
      return random.next() < 0.5
        ? ["explain", file, "--dim", "batch=1"]
        : ["import", file, "-o", join(folder, `model-${part}.net`)];
    });
  });
});

describe("TensorFlow.js models", () => {
  const read = (name: string) => parseCases(readFileSync(`test/tfjs/${name}.txt`, "utf8"), name);
  const models: ModelFiles[] = read("graph").map(({ input }) => graphModel(input));
  beforeAll(async () => {
    for (const { input, options } of read("layers"))
      models.push(await withWeights(layersTopology(input, options["sequential"] === true)));
  }, 60_000);
  test.each([0, 1, 2, 3])("part %i", async (part) => {
    await feed(1200, 3000 + part, (random, index) => {
      const own = join(folder, `tfjs-${part}-${index}`);
      mkdirSync(own);
      const { text, shards } = mutateTfjs(random.pick(models), random);
      for (const [path, bytes] of shards) writeFileSync(join(own, path), bytes);
      writeFileSync(join(own, "model.json"), text);
      return random.next() < 0.5
        ? ["explain", join(own, "model.json")]
        : ["import", join(own, "model.json"), "-o", join(folder, `tfjs-${part}.net`)];
    });
  });
});

/** Feeds command lines to a worker, one after another, and checks each answer. */
async function feed(
  count: number,
  seed: number,
  make: (random: ReturnType<typeof seededRandom>, index: number) => string[],
): Promise<void> {
  let worker = await start();
  const wrong: string[] = [];
  for (let index = 0; index < count; index += 1) {
    const random = seededRandom((firstSeed + seed) * 100_003 + index);
    const argv = make(random, index);
    const answer = await ask(worker, argv, 2000);
    if (typeof answer === "string") {
      wrong.push(`${argv.join(" ")}: ${answer}\n${inputOf(argv)}`);
      keep(argv);
      await worker.terminate();
      worker = await start();
    } else if (
      ![0, 1].includes(answer.code) ||
      /^\s+at .*:\d+:\d+/m.test(answer.err) ||
      (answer.code === 1 && answer.err === "")
    ) {
      wrong.push(
        `${argv.join(" ")}: exit code ${answer.code}\n${answer.err.slice(0, 600)}\n${inputOf(argv)}`,
      );
      keep(argv);
    }
  }
  await worker.terminate();
  expect(wrong).toEqual([]);
}

/** A worker that has the compiler loaded: loading is not what an input's 2 s are for. */
async function start(): Promise<Worker> {
  const worker = new Worker(new URL("./worker.mjs", import.meta.url), {
    resourceLimits: { maxOldGenerationSizeMb: 512 },
    execArgv: [],
  });
  await ask(worker, ["--version"], 60_000);
  return worker;
}

function ask(worker: Worker, argv: readonly string[], limit: number): Promise<Answer | string> {
  return new Promise((resolve) => {
    // V8's own limit leaves out array buffers. The worker's memory is this process's.
    const before = process.memoryUsage.rss();
    const watch = setInterval(() => {
      const grown = process.memoryUsage.rss() - before;
      if (grown > memoryLimit) finish(`took ${Math.round(grown / 2 ** 20)} MiB`);
    }, 10);
    const finish = (answer: Answer | string): void => {
      clearInterval(watch);
      clearTimeout(timer);
      worker.off("message", finish);
      worker.off("error", died);
      resolve(answer);
    };
    const died = (error: Error): void => finish(`died: ${error.message}`);
    const timer = setTimeout(() => finish(`still running after ${limit} ms`), limit);
    worker.on("message", finish);
    worker.on("error", died);
    worker.postMessage(argv);
  });
}

/** The text that was fed, if it was one. */
function inputOf(argv: readonly string[]): string {
  const file = fedFile(argv);
  return file?.endsWith(".net") ? readFileSync(file, "utf8").slice(0, 1500) : "";
}

/** The bent file of a command line; what follows `-o` is none. */
function fedFile(argv: readonly string[]): string | undefined {
  return argv.find((argument, at) => argument.startsWith(folder) && argv[at - 1] !== "-o");
}

/** Keeps an input for whoever looks for the reason, a model.json with its shards. */
function keep(argv: readonly string[]): void {
  const [to, path] = [process.env["FUZZ_KEEP"], fedFile(argv)];
  if (!to || path === undefined) return;
  const from = path.endsWith("model.json") ? dirname(path) : path;
  cpSync(from, join(to, basename(from)), { recursive: true });
}
