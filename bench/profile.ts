// Times the kernels of one model in the Node that runs this, and prints the profile as JSON. `compare` starts it.

import { given } from "../src/diagnostic/given.js";
import { parseArgs } from "node:util";
import { profile } from "../src/index.js";
import { findModel } from "./models.js";
import { openModel, optimized } from "./open.js";

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    dim: { type: "string", multiple: true, default: [] },
    split: { type: "string" },
    runs: { type: "string", default: "20" },
  },
});
const [name = ""] = positionals;
const model = findModel(name);
if (!model) throw new Error(`no model ${name}`);
const { split } = options;
const module = optimized(openModel({ ...model, ...given({ split }) }, options.dim));
console.log(JSON.stringify(await profile(module, { target: "wasm", runs: Number(options.runs) })));
