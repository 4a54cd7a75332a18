// Strips: the input rows that a few output rows of a window need, with their border.

import type { Padding, Size } from "#ops/attributes.js";
import type { Int } from "./build.js";
import { address, addInt, both, compare, f32, int, load, mulInt } from "./build.js";
import type { Place, Value } from "./ir.js";
import type { Build, Operand, Steps } from "./operands.js";

/** Window attributes with the kernel's size; padding in numbers. */
export interface WindowSpec {
  readonly kernel: Size;
  readonly stride: Size;
  readonly dilation: Size;
  readonly padding: Padding;
}

/** Input rows as a window reads them: element (row, column, channel) is at `base + row·rowStride + column·pixelStride + channel`. */
export interface Strip {
  readonly place: Place;
  readonly base: Int;
  readonly rowStride: number;
  readonly pixelStride: number;
}

/** Input rows that `rows` output rows read. */
export function stripHeight(window: WindowSpec, rows: number): number {
  return (rows - 1) * window.stride[0] + (window.kernel[0] - 1) * window.dilation[0] + 1;
}

/**
 * The strip for output rows from `first` on, counted over all samples. Without padding or prologue it is the input itself; else the
 * rows are copied into scratch, with `fill` in the border. The copy runs through memory once per strip, and the loops
 * over the window then need no test at all.
 */
export function makeStrip(
  k: Build,
  x: Operand,
  window: WindowSpec,
  rows: number,
  first: { readonly sample: Int; readonly row: Int },
  options: { readonly fill: number; readonly prologue?: Steps },
): Strip {
  const [, height = 1, width = 1, depth = 1] = x.shape;
  const [top, bottom, left, right] = window.padding;
  const inputRow = mulInt(first.row, window.stride[0]);
  const sampleRow = mulInt(first.sample, height);
  if (top + bottom + left + right === 0 && !options.prologue) {
    return {
      place: x.place,
      base: k.letInt("strip", mulInt(addInt(sampleRow, inputRow), width * x.stride)),
      rowStride: width * x.stride,
      pixelStride: x.stride,
    };
  }
  const pixelStride = depth;
  const rowStride = (width + left + right) * pixelStride;
  const count = stripHeight(window, rows);
  const base = k.scratch(count * rowStride);
  const place: Place = { kind: "scratch" };
  const fill = f32(options.fill);
  k.for("r", count, (r) => {
    const to = k.letInt("to", addInt(mulInt(r, rowStride), base));
    const row = k.letInt("row", addInt(inputRow, r, -top));
    const zeros = (start: Int, elements: number): void =>
      k.for("i", elements, (i) => k.store(place, address(addInt(start, i)), fill));
    const copyRow = (): void => {
      zeros(to, left * pixelStride);
      copyPixels(
        k,
        x,
        addInt(sampleRow, row),
        width,
        depth,
        place,
        addInt(to, left * pixelStride),
        options.prologue,
      );
      zeros(addInt(to, (left + width) * pixelStride), right * pixelStride);
    };
    if (top === 0 && bottom === 0) copyRow();
    else
      k.guard(both(compare("le", 0, row), compare("lt", row, height)), copyRow, () => zeros(to, rowStride));
  });
  return { place, base, rowStride, pixelStride };
}

function copyPixels(
  k: Build,
  x: Operand,
  row: Int,
  width: number,
  depth: number,
  place: Place,
  to: Int,
  prologue: Steps | undefined,
): void {
  const from = k.letInt("from", mulInt(row, width * x.stride));
  const target = k.letInt("target", to);
  if (x.stride === depth && !prologue) {
    k.for("i", width * depth, (i) =>
      k.store(place, address(addInt(target, i)), load(x.place, address(addInt(from, i)))),
    );
    return;
  }
  k.for("px", width, (px) => {
    const source = k.letInt("p", addInt(from, mulInt(px, x.stride)));
    const goal = k.letInt("q", addInt(target, mulInt(px, depth)));
    const pixel = k.letInt("pixel", addInt(mulInt(row, width), px));
    k.for("c", depth, (c) => {
      const value: Value = load(x.place, address(addInt(source, c)));
      k.store(place, address(addInt(goal, c)), prologue ? prologue(value, { pixel, channel: c }) : value);
    });
  });
}

/** The sample and the row in it, of a row counted over all samples. */
export function splitRow(
  k: Build,
  row: Int,
  samples: number,
  height: number,
): { readonly sample: Int; readonly row: Int } {
  if (samples === 1) return { sample: 0, row };
  return {
    sample: k.letInt("sample", int("div", row, height)),
    row: k.letInt("row", int("rem", row, height)),
  };
}
