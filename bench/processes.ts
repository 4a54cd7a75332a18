// Processes of Node as places for peers.

import { fork } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { join } from "node:path";
import type { Answers, Host, Place, Question } from "./place.js";

/** Each peer has a separate process of the given Node. */
export function nodeHost(node: string): Host {
  return { measuresMemory: true, start: async () => start(node), close: async () => {} };
}

function start(node: string): Place {
  const child: ChildProcess = fork(join(import.meta.dirname, "peer.built.mjs"), [], {
    execPath: node,
    execArgv: [],
    serialization: "advanced",
    // The output of a runtime is not a result, but helps if it ends early.
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  });
  let said = "";
  child.stderr?.on("data", (text: unknown) => void (said = `${said}${String(text)}`.slice(-500)));
  return {
    ask: <Q extends Question>(question: Q) =>
      new Promise<Answers[Q["ask"]]>((resolve, reject) => {
        const ended = (code: number | null, signal: string | null): void =>
          reject(new Error(`its process ended with ${signal ?? code}: ${said.trim()}`));
        child.once("exit", ended);
        child.once("message", (message) => {
          child.off("exit", ended);
          const answer = message as Answers[Q["ask"]] | { readonly error: string };
          if ("error" in answer) reject(new Error(answer.error));
          else resolve(answer);
        });
        child.send(question);
      }),
    end: () =>
      new Promise<void>((resolve) => {
        if (child.exitCode !== null || child.signalCode !== null) return resolve();
        child.once("exit", () => resolve());
        child.disconnect();
      }),
  };
}
