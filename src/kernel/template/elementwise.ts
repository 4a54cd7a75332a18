// Chains of elementwise steps, copies, and batch norms that are not fused.

import { bug } from "#diagnostic/diagnostic.js";
import { channels, elements, sameShape } from "#ir/type.js";
import { add, div, mul, operand, sub, unary } from "#ops/scalar.js";
import type { Step, View } from "#schedule/schedule.js";
import type { Body } from "../ir/body.js";
import { address, addInt, load, mulInt, widen } from "../ir/expressions.js";
import { mapBody } from "../part/map.js";
import type { Operand } from "../part/operands.js";
import type { Steps } from "../part/steps.js";
import { broadcastAddress, elementwiseSteps, noSteps } from "../part/steps.js";
import type { Context, StageOf } from "./context.js";
import { portsOf, sourceOf, stageOf } from "./context.js";

/** A chain of elementwise steps over a value; a plain copy, if there are none. */
export function elementwiseBody(c: Context): Body {
  const { x, y, prologue = noSteps } = portsOf(flattened(c));
  return stepsBody(c, x, y, prologue);
}

/** Vectors of fewer channels are joined to longer ones where no step depends on the channel: an image has three, and a vec four. */
const fewChannels = 8;

/** The same group with dense operands of few channels as `[rows, row]`, so that they are read as vecs. */
function flattened(c: Context): Context {
  const { k, form, group } = c;
  const { input, output, prologue } = group;
  const { shape } = output.type;
  const isPlain = prologue.every(({ sides }) =>
    [...sides.values()].every(({ broadcast }) => broadcast === "scalar"),
  );
  const count = elements(shape);
  const row = (shape.at(-2) ?? 1) * channels(shape);
  const length = row % k.lanes === 0 ? row : count;
  const isDense = ({ type, stride, offset }: View): boolean =>
    sameShape(type.shape, shape) && stride === channels(shape) && offset % k.lanes === 0;
  if (form === "gpu" || k.lanes === 1 || channels(shape) >= fewChannels || !isPlain) return c;
  if (input.kind !== "view" || !isDense(input.view) || !isDense(output)) return c;
  const flat = (view: View): View => ({
    ...view,
    type: { ...view.type, shape: [count / length, length] },
    stride: length,
  });
  return { ...c, group: { ...group, input: { kind: "view", view: flat(input.view) }, output: flat(output) } };
}

/** A batch norm as an elementwise step with four sides. */
export function batchNormBody(c: Context): Body {
  const { x, y } = portsOf(c);
  const of = stageOf(c, 0, "batch_norm");
  return stepsBody(c, x, y, elementwiseSteps(c.k, [batchNormStep(of), ...of.stage.epilogue]));
}

function stepsBody(c: Context, x: Operand, y: Operand, steps: Steps): Body {
  // The input itself may broadcast, as the smaller operand of a single binary op does.
  const isSame = elements(x.shape) === elements(y.shape) && channels(x.shape) === channels(y.shape);
  const repeats = !isSame && channels(x.shape) === 1;
  return mapBody(c, y, steps, {
    wide: x.wide || repeats,
    element: (index, pixel, width) => {
      const at = isSame ? addInt(mulInt(pixel, x.stride), index.at(-1) ?? 0) : broadcastAddress(x, index);
      return widen(load(x.place, address(at), repeats ? "f32" : width), width);
    },
  });
}

function batchNormStep({ node, stage }: StageOf<"batch_norm">): Step {
  const [x, scale, offset, mean, variance] = [0, 1, 2, 3, 4].map(operand);
  if (!x || !scale || !offset || !mean || !variance) return bug("batch_norm has five operands");
  const deviation = unary("sqrt", add(variance, node.attributes.epsilon));
  return {
    node: node.id,
    scalar: add(mul(div(sub(x, mean), deviation), scale), offset),
    flow: [0],
    sides: new Map([1, 2, 3, 4].map((at) => [at, { source: sourceOf(stage, at), broadcast: "channel" }])),
  };
}
