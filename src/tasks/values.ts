// Scores as probabilities, and the best of them.

export type { Ranked } from "#runtime/classify.js";
export { probabilitiesOf as softmax, topK } from "#runtime/classify.js";

/** The values of several outputs, one after another: of a detector whose layers each have an output, say. */
export function joined(...outputs: readonly ArrayLike<number>[]): Float32Array {
  const all = new Float32Array(outputs.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const output of outputs) {
    all.set(output, at);
    at += output.length;
  }
  return all;
}

/** Each value as a probability of its own: 1 / (1 + exp(−value)). */
export function sigmoid(values: ArrayLike<number>): Float32Array {
  return Float32Array.from(values, (value) => 1 / (1 + Math.exp(-value)));
}
