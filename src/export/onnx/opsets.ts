// The opsets of ONNX that can be written.

/** The opsets that can be written, each with the format version that introduced it. */
export const formats = new Map([
  [18, 8n],
  [19, 9n],
  [20, 9n],
  [21, 10n],
]);

export const exportOpsets: readonly number[] = [...formats.keys()];

/** The newest opset before 21. Runtimes of recent years support it, and its Gelu is the same as ours. */
export const defaultOpset = 20;
