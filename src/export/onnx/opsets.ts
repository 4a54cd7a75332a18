// The versions of ONNX that can be written.

/** Opsets that can be written, and the format's version that came with each. */
export const formats = new Map([
  [18, 8n],
  [19, 9n],
  [20, 9n],
  [21, 10n],
]);

export const exportOpsets: readonly number[] = [...formats.keys()];

/** The newest one before 21, which the runtimes of the last years know and whose Gelu is ours. */
export const defaultOpset = 20;
