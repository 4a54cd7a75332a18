// The depthwise convolution in the middle of a fused kernel: its filters, and the steps after it, whose results stay in scratch.

import { given } from "#diagnostic/given.js";
import { channels } from "#ir/type.js";
import type { Step } from "#schedule/schedule.js";
import type { Int } from "../ir/expressions.js";
import { address, addInt, mulInt } from "../ir/expressions.js";
import type { Filters } from "../part/depthwise.js";
import { branchFilters } from "../part/depthwise.js";
import type { IntegerElement, Place, Value } from "../ir/ir.js";
import type { ByteFilters } from "../part/byte-depthwise.js";
import type { Steps } from "../part/steps.js";
import { branchSteps, eachLane, elementwiseSteps } from "../part/steps.js";
import type { WindowSpec } from "../part/strip.js";
import { byteFilters, epilogueSteps, sumsBytes, withBias } from "./byte-sum.js";
import type { Context, StageOf } from "./context.js";
import { sourceOf, windowOf } from "./context.js";

/** A depthwise result in scratch, stored branch by branch: output channel c·m + j is element j·branchStride + c of its pixel. */
export interface Middle {
  readonly window: WindowSpec;
  readonly filters: Filters | ByteFilters;
  readonly inputs: number;
  readonly multiplier: number;
  readonly branchStride: number;
  /** Elements from one pixel to the next. */
  readonly pixelStride: number;
  /** The integers as which results are in scratch; f32 if absent. */
  readonly element?: IntegerElement;
  /** Stores a result after the steps that follow it. */
  readonly store: (sum: Value, at: MiddlePosition) => void;
}

/** The middle of a kernel with this depthwise stage, whose results are in scratch as integers of a type or as f32. */
export function middleOf(c: Context, of: StageOf<"depthwise_conv2d">, element?: IntegerElement): Middle {
  const { k } = c;
  const window = windowOf(of);
  const inputs = channels(of.types[0]?.shape ?? []);
  const multiplier = channels(of.node.type.shape) / inputs;
  const branchStride = multiplier === 1 && inputs < k.lanes ? inputs : k.roundUp(inputs);
  const size = { inputs, multiplier, branchStride };
  const isOfBytes = sumsBytes(c, of);
  const filters = isOfBytes
    ? byteFilters(c, of, window.kernel)
    : branchFilters(k, sourceOf(of.stage, 1), window, size);
  const store = middleSteps(c, epilogueSteps(c, of), { ...size, ...given({ element }) });
  return { window, filters, ...size, pixelStride: multiplier * branchStride, ...given({ element }), store };
}

interface MiddlePosition {
  readonly pixel: Int;
  /** Of the input. */
  readonly channel: Int;
  readonly branch: number;
  /** The place of the value in scratch. */
  readonly to: Int;
}

/** Stores a depthwise result in scratch after the steps that follow it, branch by branch. */
function middleSteps(
  { k }: Context,
  after: { readonly steps: readonly Step[]; readonly bias?: Place },
  of: Pick<Middle, "inputs" | "multiplier" | "branchStride" | "element">,
): (sum: Value, at: MiddlePosition) => void {
  const { inputs, multiplier, branchStride, element } = of;
  const scratch: Place = { kind: "scratch", ...given({ element }) };
  const store = (value: Value, to: Int): void => k.store(scratch, address(to), value);
  const { steps } = after;
  const ofChannels = (): Steps => withBias(after, elementwiseSteps(k, steps));
  // A bias of integers is in the order of the channels.
  const inBranches =
    multiplier === 1
      ? ofChannels()
      : after.bias
        ? undefined
        : branchSteps(k, steps, { inputs, multiplier, stride: branchStride });
  if (inBranches?.wide)
    return (sum, { pixel, channel, branch, to }) =>
      store(inBranches.apply(sum, { pixel, channel: addInt(channel, branch * branchStride) }), to);
  // Operands of the steps are stored channel by channel, as in the graph: c·m + j.
  const plain = inBranches && multiplier === 1 ? inBranches : ofChannels();
  return (sum, { pixel, channel, branch, to }) =>
    eachLane(k, sum, { pixel, channel }, (value, at, lane) => {
      const output = addInt(mulInt(at.channel, multiplier), branch);
      store(plain.apply(value, { pixel, channel: output }), addInt(to, lane));
    });
}
