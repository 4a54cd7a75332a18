// The layers of `layer-times`: those of well-known networks, and shapes in between.

import type { Module } from "../src/index.js";
import { elaborate, parse } from "../src/index.js";
import type { WinogradSize } from "../src/schedule/schedule.js";

export interface Layer {
  /** Height and width of the input. */
  readonly side: number;
  readonly depth: number;
  readonly filters: number;
  readonly kernel: readonly [number, number];
  readonly stride: number;
  /** The ranks to try for the third order of splitting. */
  readonly rank?: readonly number[];
}

const three: Pick<Layer, "kernel" | "stride"> = { kernel: [3, 3], stride: 1 };

/** A layer with as many output as input channels, and half as many terms. */
function square(side: number, depth: number, ranks: readonly number[] = [depth / 2]): Layer {
  return { ...three, side, depth, filters: depth, rank: ranks };
}

export const layers: readonly Layer[] = [
  // ResNet-18.
  { side: 224, depth: 3, filters: 64, kernel: [7, 7], stride: 2, rank: [32] },
  square(56, 64),
  { ...three, side: 56, depth: 64, filters: 128, stride: 2, rank: [64] },
  square(28, 128),
  { ...three, side: 28, depth: 128, filters: 256, stride: 2, rank: [128] },
  square(14, 256, [64, 128, 256]),
  { ...three, side: 14, depth: 256, filters: 512, stride: 2, rank: [256] },
  square(7, 512, [128, 256, 512]),
  { side: 56, depth: 64, filters: 128, kernel: [1, 1], stride: 2 },
  { side: 14, depth: 256, filters: 512, kernel: [1, 1], stride: 2 },
  // fm_resnet16.
  { ...three, side: 28, depth: 1, filters: 16 },
  square(28, 16),
  { ...three, side: 28, depth: 16, filters: 32, stride: 2, rank: [16] },
  square(14, 32),
  { ...three, side: 14, depth: 32, filters: 64, stride: 2, rank: [32] },
  square(7, 64),
  // VGG-16.
  square(112, 128),
  square(56, 256),
  square(28, 512),
  square(14, 512),
  // MobileNetV1.
  { side: 56, depth: 128, filters: 128, kernel: [1, 1], stride: 1 },
  { side: 14, depth: 512, filters: 512, kernel: [1, 1], stride: 1 },
  { side: 7, depth: 1024, filters: 1024, kernel: [1, 1], stride: 1 },
  { side: 1, depth: 1024, filters: 1000, kernel: [1, 1], stride: 1 },
  // In between.
  square(40, 48),
  square(20, 96),
  square(10, 160),
  square(35, 96),
  { ...three, side: 40, depth: 48, filters: 96, stride: 2, rank: [48] },
  { ...three, side: 14, depth: 128, filters: 320 },
  { ...three, side: 14, depth: 320, filters: 128 },
  { side: 35, depth: 48, filters: 64, kernel: [5, 5], stride: 1, rank: [32] },
  { side: 17, depth: 160, filters: 160, kernel: [1, 7], stride: 1, rank: [80] },
  { side: 17, depth: 160, filters: 160, kernel: [7, 1], stride: 1, rank: [80] },
  { side: 96, depth: 24, filters: 40, kernel: [5, 5], stride: 2, rank: [32] },
];

/** One way to compute a layer. */
export interface Way {
  readonly layer: string;
  readonly way: string;
  readonly module: () => Module;
  /** The tiles of Winograd's algorithm; absent for a direct convolution. */
  readonly tiles?: WinogradSize;
}

/** The ways to compute a layer: directly, in tiles of Winograd's algorithm, and split. */
export function waysOf({ side, depth, filters, kernel, stride, rank = [] }: Layer): Way[] {
  const layer = `${side}×${side}×${depth} → ${filters}, ${kernel.join("×")}${stride === 1 ? "" : `, stride ${stride}`}`;
  const window = `kernel=${kernel.join("x")}, stride=${stride}, padding=same`;
  const wayOf = (way: string, body: string): Way => ({
    layer,
    way,
    module: () =>
      moduleOf(`net layer {\n  input x: f32[1, ${side}, ${side}, ${depth}]\n  output y = ${body}\n}\n`),
  });
  const direct = wayOf("direct", `conv2d(x, filters=${filters}, ${window})`);
  if (kernel.every((extent) => extent === 1)) return [direct];
  const isWinograd = stride === 1 && kernel.every((extent) => extent === 3);
  const pointwise = (channels: number): string => `conv2d(filters=${channels}, kernel=1x1)`;
  return [
    direct,
    ...(isWinograd ? ([2, 4] as const) : []).map((size) => ({
      ...direct,
      way: `${size}×${size} tiles`,
      tiles: size,
    })),
    wayOf("depthwise", `depthwise_conv2d(x, ${window})`),
    wayOf("depthwise → pointwise", `depthwise_conv2d(x, ${window}) |> ${pointwise(filters)}`),
    ...rank.map((terms) =>
      wayOf(
        `pointwise → depthwise → pointwise, ${terms} terms`,
        `x |> ${pointwise(terms)} |> depthwise_conv2d(${window}) |> ${pointwise(filters)}`,
      ),
    ),
  ];
}

function moduleOf(text: string): Module {
  const { value: ast } = parse(text, "layer.net");
  const module = ast && elaborate(ast).value;
  if (!module) throw new Error(`not a net:\n${text}`);
  return module;
}
