// Turns of peers, and what becomes of one that fails on the way.

import { expect, test } from "vitest";
import type { MeasureOptions } from "../../bench/measure.js";
import { measure } from "../../bench/measure.js";
import type { Answers, Host, Place, Question } from "../../bench/place.js";
import { turn } from "../../bench/place.js";
import type { ParsedPeer } from "../../bench/running.js";

const peer = (name: string): ParsedPeer => ({
  name,
  count: 1,
  needs: "cleave-js",
  threads: false,
  gpu: false,
});

/** Turns of the peers in the order in which they were asked, and places that were ended. */
interface Log {
  readonly turns: string[];
  ended: number;
}

/** Places without a runtime: the peer in the `at`-th turn takes as many milliseconds, and a negative number is a failure. */
function hostOf(times: Readonly<Record<string, readonly number[]>>, log: Log): Host {
  const start = async (): Promise<Place> => {
    let name = "";
    let at = 0;
    const answer = (question: Question): Answers[Question["ask"]] => {
      if (question.ask === "load") {
        name = question.peer;
        return { milliseconds: 7, threads: 1 };
      }
      if (question.ask === "outputs") return { outputs: [{ y: Float32Array.of(1) }] };
      const time = times[name]![at]!;
      at += 1;
      log.turns.push(name);
      if (time < 0) throw new Error("its page has crashed");
      return { times: [time + 1, time, time + 2] };
    };
    return {
      ask: async <Q extends Question>(question: Q) => answer(question) as Answers[Q["ask"]],
      end: async () => void (log.ended += 1),
    };
  };
  return { browser: "none", measuresMemory: false, start, close: async () => {} };
}

function measured(times: Readonly<Record<string, readonly number[]>>, log: Log, leftOut: string[][]) {
  const options: MeasureOptions = {
    folder: "",
    host: hostOf(times, log),
    adapter: undefined,
    rounds: 3,
    turn: { warmMs: 0, burstMs: 0 },
    seconds: 10,
    loads: 1,
    weightBytes: 0,
    onStep: () => {},
  };
  const peers = new Map(Object.keys(times).map((name) => [name, peer(name)]));
  return measure(peers, options, (...one) => void leftOut.push(one));
}

test("peers take turns; the first run and the first turn are no part of the figures", async () => {
  const log: Log = { turns: [], ended: 0 };
  const [a, b] = await measured({ a: [90, 80, 4, 2, 6], b: [50, 40, 1, 1, 1] }, log, []);
  // The first run of each, then four rounds.
  expect(log.turns.join("")).toBe("ababababab");
  expect(a).toMatchObject({ peer: "a", loadMs: 7, firstRunMs: 91, medianMs: 5, leastMs: 2, runs: 9 });
  expect(b).toMatchObject({ peer: "b", firstRunMs: 51, medianMs: 2, leastMs: 1, runs: 9 });
  expect(log.ended).toBeGreaterThanOrEqual(2);
});

test.each([0, 1, 2, 4])("one that fails in its %i-th turn is left out, and the others go on", async (at) => {
  const log: Log = { turns: [], ended: 0 };
  const leftOut: string[][] = [];
  const a = [9, 9, 4, 2, 6].with(at, -1);
  const results = await measured({ a, b: [9, 9, 1, 1, 1] }, log, leftOut);
  expect(leftOut).toEqual([["a", "its page has crashed"]]);
  expect(results.map(({ peer: name, runs }) => [name, runs])).toEqual([["b", 9]]);
  expect(log.turns.filter((name) => name === "a")).toHaveLength(at + 1);
  expect(log.ended).toBeGreaterThanOrEqual(2);
});

test("a turn warms up, and times one run at least", async () => {
  let runs = 0;
  const run = async () => (runs += 1);
  expect(await turn(run, { warmMs: 0, burstMs: 0 })).toEqual([1]);
  const [first] = await turn(run, { warmMs: 1, burstMs: 0 });
  expect(first).toBeGreaterThan(2);
});
