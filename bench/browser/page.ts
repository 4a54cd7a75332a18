// One peer in a separate page. `pages.ts` opens the page and calls its functions.

import type { Answers, Question } from "../place.js";
import { copied, turn } from "../place.js";
import type { OnnxPart, Port, Running, TflitePart, Values } from "../running.js";
import { samples as samplesOf } from "../samples.js";
import type { PagePeer } from "./peers.js";
import { runtimes } from "./runtimes.js";

/** A peer's network for a page: addresses in place of files. */
export interface PageSetup {
  readonly inputs: readonly Port[];
  readonly outputs: readonly string[];
  /** Cleave's modules by part; their weights are next to them. */
  readonly modules: Readonly<Record<string, string>>;
  /** By part; `channelsFirst` as in `Setup`. */
  readonly onnx: Readonly<Record<OnnxPart, { readonly address: string; readonly channelsFirst: boolean }>>;
  readonly tflite: Readonly<Record<TflitePart, string>>;
  /** The model.json of TensorFlow.js; other networks are a `PreparedGraph` and its constants. */
  readonly tfjs?: { readonly address: string; readonly isGraph: boolean };
  readonly graph: { readonly nodes: string; readonly constants: string };
  /** The address of the runtimes' packages, with a slash at the end. */
  readonly packages: string;
}

/** What a runtime loads. */
export interface PageLoad {
  readonly threads: number;
  readonly setup: PageSetup;
}

let running: Running | undefined;
let samples: readonly Values[] = [];
/** The outputs for the first sample, from its last run. */
let first: Values = {};

async function answer(question: Question, setup: PageSetup): Promise<Answers[Question["ask"]]> {
  switch (question.ask) {
    case "load": {
      if (question.threads > 1 && !crossOriginIsolated) throw new Error("the page may have no threads");
      samples = samplesOf(setup.inputs);
      const begin = performance.now();
      running = await runtimes[question.peer as PagePeer]({ threads: question.threads, setup });
      return { milliseconds: performance.now() - begin, threads: running.threads };
    }
    case "turn":
      return { times: await turn(run, question) };
    case "outputs": {
      const outputs = [first];
      for (const sample of samples.slice(1)) outputs.push(copied(await loaded().run(sample)));
      await loaded().dispose();
      return { outputs };
    }
    case "peak":
    case "counts":
      throw new Error(`a page does not know its ${question.ask}`);
    default:
      return question satisfies never;
  }
}

/** Runs the first sample and returns the milliseconds. */
async function run(): Promise<number> {
  const begin = performance.now();
  const outputs = await loaded().run(samples[0] ?? {});
  const milliseconds = performance.now() - begin;
  first = copied(outputs);
  return milliseconds;
}

function loaded(): Running {
  if (!running) throw new Error("it is not loaded");
  return running;
}

/** A global of pages, declared here because the types of browsers are not loaded. */
declare const crossOriginIsolated: boolean;

Object.assign(globalThis, { answer });
