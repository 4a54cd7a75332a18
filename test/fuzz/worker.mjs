// Runs command lines of the built compiler, one message each, so that a hang or an empty memory ends a worker, not the test.

import { parentPort } from "node:worker_threads";
import { run } from "../../dist/src/cli/program.js";

parentPort.on("message", async (argv) => {
  let [out, err] = ["", ""];
  const terminal = {
    out: (text) => void (out += text),
    err: (text) => void (err += text),
    color: false,
    interactive: false,
  };
  const code = await run(argv, terminal);
  parentPort.postMessage({ code, out: out.slice(0, 2000), err: err.slice(0, 20_000) });
});
