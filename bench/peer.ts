// One peer in a separate process, which messages control. `processes.ts` starts it.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { deserialize } from "node:v8";
import type { GpuCounter } from "./gpu-counter.js";
import { setUpGpu } from "./gpu.js";
import type { PeerName } from "./peers.js";
import { peers } from "./peers.js";
import type { Answers, Question } from "./place.js";
import { copied, turn } from "./place.js";
import type { Running, Setup, Values } from "./running.js";

let running: Running | undefined;
let samples: readonly Values[] = [];
/** The outputs for the first sample, from its last run. */
let first: Values = {};
/** Memory before anything is loaded. */
let before = 0;
let counter: GpuCounter | undefined;

process.on("message", async (question: Question) => {
  try {
    process.send?.(await answer(question));
  } catch (cause) {
    process.send?.({ error: cause instanceof Error ? cause.message : String(cause) });
  }
});
// Workers of a peer would keep the process alive.
process.on("disconnect", () => process.exit(0));

async function answer(question: Question): Promise<Answers[Question["ask"]]> {
  switch (question.ask) {
    case "load": {
      const setup = deserialize(readFileSync(join(question.folder, "setup.bin"))) as Setup;
      ({ samples } = setup);
      const { adapter, count } = question.gpu;
      const peer = peers[question.peer as PeerName];
      if (peer.gpu) ({ counter } = await setUpGpu(adapter, count));
      before = process.memoryUsage.rss();
      const load = peer.make(question, setup);
      const begin = performance.now();
      running = await load();
      return { milliseconds: performance.now() - begin, threads: running.threads };
    }
    case "turn":
      return { times: await turn(run, question) };
    case "outputs": {
      const outputs = [first];
      for (const sample of samples.slice(1)) outputs.push(copied(await loaded().run(sample)));
      await running?.dispose();
      return { outputs };
    }
    case "peak":
      return { peakBytes: peakBytes() - before };
    case "counts":
      return { counts: counter?.counts() };
    default:
      return question satisfies never;
  }
}

function loaded(): Running {
  if (!running) throw new Error("it is not loaded");
  return running;
}

/** Runs the first sample and returns the milliseconds. */
async function run(): Promise<number> {
  const [sample = {}] = samples;
  counter?.restart();
  const begin = performance.now();
  const outputs = await loaded().run(sample);
  const milliseconds = performance.now() - begin;
  first = copied(outputs);
  return milliseconds;
}

/** Linux includes in `maxRSS` the memory of the process that started this one; `VmHWM` is this process's own. */
function peakBytes(): number {
  const status = process.platform === "linux" ? readFileSync("/proc/self/status", "utf8") : "";
  const kilobytes = /^VmHWM:\s*(\d+) kB/m.exec(status)?.[1];
  return 1024 * (kilobytes === undefined ? process.resourceUsage().maxRSS : Number(kilobytes));
}
