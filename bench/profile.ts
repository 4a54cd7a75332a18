// Times the kernels of one model in the Node that runs this, and prints the profile as JSON. With --int8, those of the network in integers.
// `compare` starts it.

import { given } from "../src/diagnostic/given.js";
import { parseArgs } from "node:util";
import { profile } from "../src/index.js";
import { quantizedModel } from "./int8.js";
import { findModel } from "./models.js";
import { openModel, optimized } from "./open.js";

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    dim: { type: "string", multiple: true, default: [] },
    split: { type: "string" },
    int8: { type: "boolean", default: false },
    runs: { type: "string", default: "20" },
  },
});
const [name = ""] = positionals;
const model = findModel(name);
if (!model) throw new Error(`no model ${name}`);
const { split } = options;
const opened = openModel({ ...model, ...given({ split }) }, options.dim);
const module = optimized(options.int8 ? await quantizedModel(opened) : opened);
console.log(JSON.stringify(await profile(module, { target: "wasm", runs: Number(options.runs) })));
