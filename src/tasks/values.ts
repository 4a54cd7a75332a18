// Scores as probabilities, and the best of them.

export type { Ranked } from "#runtime/classify.js";
export { probabilitiesOf as softmax, topK } from "#runtime/classify.js";

/** Each value as a probability of its own: 1 / (1 + exp(−value)). */
export function sigmoid(values: ArrayLike<number>): Float32Array {
  return Float32Array.from(values, (value) => 1 / (1 + Math.exp(-value)));
}
