// Adam (Kingma and Ba 2015, arXiv 1412.6980) on several tensors, each with its own rate.

export interface Adam {
  /** One step along the gradients, which have the lengths of the tensors, with `scale` times each tensor's rate. */
  step(gradients: readonly Float64Array[], scale: number): void;
  /** Everything that the next step depends on, except the tensors. Each step changes it in place. */
  readonly state: AdamState;
}

/** Decaying means of gradients and of their squares. */
export interface AdamState {
  steps: number;
  readonly moments: readonly { readonly first: Float64Array; readonly second: Float64Array }[];
}

const [firstDecay, secondDecay, epsilon] = [0.9, 0.99, 1e-12];

/** Changes `tensors` in place; `rates` has the rate of each. Continues from `state`, if it is given. */
export function createAdam(
  tensors: readonly Float32Array[],
  rates: readonly number[],
  state: AdamState = startOf(tensors),
): Adam {
  const { moments } = state;
  return {
    state,
    step(gradients, scale) {
      state.steps += 1;
      const [first, second] = [1 - firstDecay ** state.steps, 1 - secondDecay ** state.steps];
      for (const [at, tensor] of tensors.entries()) {
        const rate = scale * (rates[at] ?? 0);
        const gradient = gradients[at];
        const moment = moments[at];
        if (!gradient || !moment) continue;
        for (let index = 0; index < tensor.length; index += 1) {
          const g = gradient[index] ?? 0;
          const m = firstDecay * (moment.first[index] ?? 0) + (1 - firstDecay) * g;
          const v = secondDecay * (moment.second[index] ?? 0) + (1 - secondDecay) * g * g;
          moment.first[index] = m;
          moment.second[index] = v;
          tensor[index] = (tensor[index] ?? 0) - (rate * (m / first)) / (Math.sqrt(v / second) + epsilon);
        }
      }
    },
  };
}

function startOf(tensors: readonly Float32Array[]): AdamState {
  const moments = tensors.map(({ length }) => ({
    first: new Float64Array(length),
    second: new Float64Array(length),
  }));
  return { steps: 0, moments };
}
