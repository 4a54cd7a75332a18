// The ONNX model for ONNX runtimes: that of `cleave export`, without a Transpose of the input, and with results in Cleave's order.

import type { Module } from "../src/index.js";
import { exportOnnx } from "../src/index.js";

/** The bytes of the model of a graph. */
export function toOnnx(module: Module): Uint8Array {
  const { value, diagnostics } = exportOnnx(module, { nchw: "inputs" });
  if (!value) throw new Error(diagnostics.map(({ message }) => message).join("; "));
  return Buffer.concat([...value.pieces()]);
}
