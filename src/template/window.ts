// The window of an op along the rows of its operand, which determines what is kept on chip.

import { bug } from "#diagnostic/diagnostic.js";
import type { Graph, Node } from "#ir/graph.js";
import { operands } from "#ir/graph.js";
import type { Shape } from "#ir/type.js";

export interface Window {
  readonly input: Shape;
  readonly inputHeight: number;
  readonly kernel: number;
  /** Elements of the window. */
  readonly taps: number;
  readonly stride: number;
  readonly dilation: number;
  readonly top: number;
  /** Columns of the border, as a fraction of the input's. */
  readonly border: number;
}

/** The window of a stage; undefined for a stage that reads each row once and in place. */
export type WindowOf = (graph: Graph, stage: Node) => Window | undefined;

/** The window of a convolution, whose size is that of its weights. */
export const convolutionWindow: WindowOf = (graph, stage) => {
  if (stage.op !== "conv2d" && stage.op !== "depthwise_conv2d") return bug(`${stage.op} is no convolution`);
  const [x, w] = operands(graph, stage);
  const kernel = w?.type.shape ?? [];
  if (stage.op === "conv2d" && isPlain(stage.attributes, kernel[0] ?? 1)) return undefined;
  return windowFrom(x?.type.shape ?? [], kernel, stage.attributes);
};

/** The window of a pool. */
export const poolWindow: WindowOf = (graph, stage) => {
  if (stage.op !== "max_pool" && stage.op !== "avg_pool") return bug(`${stage.op} is no pool`);
  return windowFrom(operands(graph, stage)[0]?.type.shape ?? [], stage.attributes.kernel, stage.attributes);
};

interface WindowAttributes {
  readonly stride: readonly [number, number];
  readonly dilation: readonly [number, number];
  readonly padding: string | readonly [number, number, number, number];
}

/** Whether a window reads each row once and in place. */
function isPlain({ stride, padding }: WindowAttributes, kernel: number): boolean {
  return kernel === 1 && stride[0] === 1 && paddingOf(padding).every((extent) => extent === 0);
}

function windowFrom(
  input: Shape,
  [kernel = 1, across = 1]: readonly number[],
  attributes: WindowAttributes,
): Window {
  const [top, , left, right] = paddingOf(attributes.padding);
  return {
    input,
    inputHeight: input[1] ?? 1,
    kernel,
    taps: kernel * across,
    stride: attributes.stride[0],
    dilation: attributes.dilation[0],
    top,
    border: (left + right) / (input[2] ?? 1),
  };
}

/** Graphs hold padding in numbers. */
function paddingOf(padding: WindowAttributes["padding"]): readonly [number, number, number, number] {
  return typeof padding === "string" ? [0, 0, 0, 0] : padding;
}

/** Input rows that `rows` output rows read, including the border. */
export function stripHeight({ stride, kernel, dilation }: Window, rows: number): number {
  return (rows - 1) * stride + (kernel - 1) * dilation + 1;
}

/** Rows of the input that all strips read together, without the border; at least each row once. */
export function rowsRead(window: Window, rows: number, strips: number): number {
  let read = 0;
  for (let strip = 0; strip < strips; strip += 1) {
    const from = strip * rows * window.stride - window.top;
    const to = from + stripHeight(window, rows);
    read += Math.max(0, Math.min(to, window.inputHeight) - Math.max(from, 0));
  }
  return Math.max(read, window.inputHeight);
}
