#!/usr/bin/env node
// The `cleave` command.

import { run } from "./program.js";
import { exit, outputError, processTerminal } from "./output/terminal.js";

process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  // A reader that closes the pipe early (`cleave inspect … | head`) is not an error.
  if (error.code === "EPIPE") process.exit(exit.done);
  process.stderr.write(outputError(error));
  process.exit(exit.wrongInput);
});
// Nobody reads stderr any more.
process.stderr.on("error", () => {});

process.exitCode = await run(process.argv.slice(2), processTerminal());
