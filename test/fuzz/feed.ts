// Feeds bent inputs to the built compiler, each with 2 s of a core and 512 MiB: every one ends in diagnostics or success, never in a stack trace.
// `FUZZ_SEED=2 npx vitest run test/fuzz` takes others, `FUZZ_KEEP` names a folder for the inputs of those that fail.

import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { Worker } from "node:worker_threads";
import { afterAll, beforeAll, expect } from "vitest";
import type { Random } from "#ops/random.js";
import { seededRandom } from "#ops/random.js";
import { scaled } from "../scale.js";

const firstSeed = Number(process.env["FUZZ_SEED"] ?? 0) * 10_000;
/** Most memory of all kinds that an input may take. */
const memoryLimit = 512 * 2 ** 20;
/** Most seconds of a core, so that it does not matter what else the machine does. */
const timeLimit = 2;

interface Answer {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface Feeder {
  /** Where inputs are written. */
  readonly folder: string;
  /** Feeds so many command lines at the scale of this run, one after another, and checks each answer. */
  feed(count: number, seed: number, make: (random: Random, index: number) => string[]): Promise<void>;
}

/** What a test file feeds with: a folder and a worker for all its tests, which are gone behind them. */
export function feeder(): Feeder {
  const folder = mkdtempSync(join(tmpdir(), "cleave-fuzz-"));
  let worker: Worker;
  beforeAll(async () => {
    expect(existsSync("dist/src/cli/program.js"), "the compiler is built").toBe(true);
    worker = await start();
  }, 60_000);
  afterAll(async () => {
    await worker?.terminate();
    rmSync(folder, { recursive: true, force: true });
  });

  return {
    folder,
    async feed(count, seed, make) {
      const wrong: string[] = [];
      for (let index = 0; index < scaled(count); index += 1) {
        const argv = make(seededRandom((firstSeed + seed) * 100_003 + index), index);
        const file = fedFile(argv, folder);
        const answer = await ask(worker, argv, timeLimit);
        const problem = typeof answer === "string" ? answer : problemOf(answer);
        if (problem === undefined) continue;
        wrong.push(`${argv.join(" ")}: ${problem}\n${textOf(file)}`);
        keep(file);
        // What hangs or died is not asked again.
        if (typeof answer === "string") {
          await worker.terminate();
          worker = await start();
        }
      }
      expect(wrong).toEqual([]);
    },
  };
}

/** What is wrong with an answer; undefined if nothing is. */
function problemOf({ code, err }: Answer): string | undefined {
  const isClean = [0, 1].includes(code) && !/^\s+at .*:\d+:\d+/m.test(err) && !(code === 1 && err === "");
  return isClean ? undefined : `exit code ${code}\n${err.slice(0, 600)}`;
}

/** A worker that has the compiler loaded: loading is not what an input's 2 s are for. */
async function start(): Promise<Worker> {
  const worker = new Worker(new URL("./worker.mjs", import.meta.url), {
    resourceLimits: { maxOldGenerationSizeMb: 512 },
    execArgv: [],
  });
  await ask(worker, ["--version"], 60);
  return worker;
}

function ask(worker: Worker, argv: readonly string[], seconds: number): Promise<Answer | string> {
  return new Promise((resolve) => {
    // V8's own limit leaves out array buffers. The worker's memory and time are this process's, which does nothing else meanwhile.
    const before = process.memoryUsage.rss();
    const begun = process.cpuUsage();
    const watch = setInterval(() => {
      const grown = process.memoryUsage.rss() - before;
      if (grown > memoryLimit) finish(`took ${Math.round(grown / 2 ** 20)} MiB`);
      const { user, system } = process.cpuUsage(begun);
      if ((user + system) / 1e6 > seconds) finish(`still running after ${seconds} s`);
    }, 10);
    const finish = (answer: Answer | string): void => {
      clearInterval(watch);
      clearTimeout(timer);
      worker.off("message", finish);
      worker.off("error", died);
      resolve(answer);
    };
    const died = (error: Error): void => finish(`died: ${error.message}`);
    // Some wait without computing.
    const timer = setTimeout(() => finish("does not end"), 30_000 * seconds);
    worker.on("message", finish);
    worker.on("error", died);
    worker.postMessage(argv);
  });
}

/** The text that was fed, if it was one. */
function textOf(file: string | undefined): string {
  return file?.endsWith(".net") ? readFileSync(file, "utf8").slice(0, 1500) : "";
}

/** The bent file of a command line; what follows `-o` is none. */
function fedFile(argv: readonly string[], folder: string): string | undefined {
  return argv.find((argument, at) => argument.startsWith(folder) && argv[at - 1] !== "-o");
}

/** Keeps an input for whoever looks for the reason, a model.json with its shards. */
function keep(path: string | undefined): void {
  const to = process.env["FUZZ_KEEP"];
  if (!to || path === undefined) return;
  const from = path.endsWith("model.json") ? dirname(path) : path;
  cpSync(from, join(to, basename(from)), { recursive: true });
}
