// Transposed convolutions, computed by gathering: each element of the result sums the taps that reach it.

import { channels } from "#ir/type.js";
import type { Padding, Size } from "#ops/attributes.js";
import type { Int } from "../ir/expressions.js";
import { address, addInt, both, compare, f32, int, load, madd, mulInt, widen } from "../ir/expressions.js";
import type { Body } from "../ir/body.js";
import type { Build } from "../part/operands.js";
import { reads } from "../part/operands.js";
import { storeResult } from "../part/steps.js";
import { splitRow } from "../part/strip.js";
import { sumLoops } from "../part/sums.js";
import type { Context } from "./context.js";
import { biasedEpilogueOf, numbers, portsOf, sourceOf, stageOf } from "./context.js";

interface TransposedSpec {
  readonly kernel: Size;
  readonly stride: Size;
  readonly dilation: Size;
  readonly padding: Padding;
  readonly groups: number;
}

/**
 * A block computes one row of the result. Tap i reaches row y from row (y + top − i·dilation) / stride of x, if that is an integer. This
 * template is only needed if the kernel is computed: a constant kernel is turned into a convolution by a pass
 * (`passes/lower-transposed.ts`).
 */
export function transposedConvolutionBody(c: Context): Body {
  const { k } = c;
  const { x, y } = portsOf(c);
  const { node, stage, types } = stageOf(c, 0, "conv2d_transpose");
  const [kh = 1, kw = 1] = types[1]?.shape ?? [];
  const { attributes } = node;
  const spec: TransposedSpec = { ...attributes, kernel: [kh, kw], padding: numbers(attributes.padding) };
  const epilogue = biasedEpilogueOf(c, stage);
  const [samples = 1, height = 1, width = 1] = y.shape;
  const [, inHeight = 1, inWidth = 1] = x.shape;
  const [filters, depth] = [channels(y.shape), channels(x.shape)];
  const [perGroup, columns] = [depth / spec.groups, filters / spec.groups];
  const w = reads(k, "w", sourceOf(stage, 1));
  const isWide = y.wide && w.wide && (spec.groups === 1 || columns % k.lanes === 0);
  return {
    blocks: samples * height,
    write: (block) => {
      const { sample, row: oy } = splitRow(k, block, samples, height);
      k.items(["ox", "group"], [width, spec.groups], (ox = 0, group = 0) => {
        const pixel = k.letInt("pixel", addInt(mulInt(block, width), ox));
        k.channels("c", columns, isWide, (c, size) => {
          const channel = k.letInt("f", addInt(mulInt(group, columns), c));
          const sum = k.let("v", widen(f32(0), size));
          let [row, from, to]: Int[] = [0, 0, 0];
          const down = (inner: () => void, ty: Int): void =>
            reached(k, spec, 0, inHeight, oy, ty, (at) => {
              row = at;
              inner();
            });
          const across = (inner: () => void, ty: Int, tx: Int): void =>
            reached(k, spec, 1, inWidth, ox, tx, (column) => {
              const place = addInt(mulInt(addInt(mulInt(sample, inHeight), row ?? 0), inWidth), column);
              from = k.letInt("from", addInt(mulInt(place, x.stride), mulInt(group, perGroup)));
              const tap = addInt(mulInt(ty, spec.kernel[1]), tx);
              to = k.letInt("to", addInt(mulInt(mulInt(tap, perGroup), w.stride), channel));
              inner();
            });
          const levels = [
            { name: "ty", count: spec.kernel[0], around: down },
            { name: "tx", count: spec.kernel[1], around: across },
            { name: "i", count: perGroup },
          ];
          sumLoops(k, [sum], levels, ([part = sum], _ty, _tx, i = 0) => {
            const value = load(x.place, address(addInt(from ?? 0, i)));
            const factor = load(w.place, address(addInt(to ?? 0, mulInt(i, w.stride))), size);
            k.set(part, madd(value, factor, part));
          });
          storeResult(k, y, sum, { pixel, channel }, epilogue);
        });
      });
    },
  };
}

/** Calls `body` with the place in x from which a tap reaches `at`, if there is one. */
function reached(
  k: Build,
  { stride, dilation, padding }: TransposedSpec,
  axis: 0 | 1,
  extent: number,
  at: Int,
  tap: Int,
  body: (place: Int) => void,
): void {
  const before = padding[axis === 0 ? 0 : 2];
  const step = stride[axis];
  const from = k.letInt("at", addInt(at, before, mulInt(tap, -dilation[axis])));
  const inside = both(compare("le", 0, from), compare("le", from, (extent - 1) * step));
  const meets = step === 1 ? inside : both(inside, compare("eq", int("rem", from, step), 0));
  k.guard(meets, () => body(k.letInt("place", int("div", from, step))));
}
