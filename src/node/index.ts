// The public API for Node: reads models and rules from files, writes modules and models to files, and opens WebGPU.

// # Files, in Node (stable)

export { checkNets, readModel, readRules } from "./read-model.js";
export type { FileResult, Model, ReadOptions } from "./read-model.js";

export { readBytes, readStdin, readText } from "./read-file.js";

export { writeArtifact, writeAuto, writeModule } from "./write-module.js";
export type { WriteAutoOptions, WriteModuleOptions, WrittenAuto, WrittenModule } from "./write-module.js";

export { writeFileAtomically } from "./write-file.js";
export type { WrittenFile } from "./write-file.js";

export { writeNet } from "./write-net.js";

export { writeOnnx } from "./write-onnx.js";
export type { WriteOnnxOptions, WrittenOnnx } from "./write-onnx.js";

export { checkpointFiles } from "./checkpoints.js";
export type { CheckpointFiles } from "./checkpoints.js";

export { nodeGpu } from "./gpu.js";
