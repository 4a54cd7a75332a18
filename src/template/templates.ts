// The templates: what a kernel can hold, as data that passes read. `src/kernel/template/` has their bodies.

import type { OpName, TemplateName } from "#ir/graph.js";
import type { Kept, Target } from "#ir/target.js";
import type { elementwise } from "#ops/elementwise.js";
import type { OpClass } from "#ops/op.js";
import type { OnChipChoices } from "./on-chip.js";
import { aroundWindow, pooledVector } from "./on-chip.js";
import { convolutionWindow, poolWindow } from "./window.js";
import type { WorkOf } from "./work.js";
import { convolutionWork, depthwiseWork, poolWork, winogradWork } from "./work.js";

/** One kind of kernel: ops that do more than map elements (its stages), with elementwise steps around them. */
export interface Template {
  /** One sentence for docs/rules.md. */
  readonly doc: string;
  /** An op or a class of ops for each stage, in order; a stage reads the one before it, after the steps between them. */
  readonly stages: readonly (OpName | OpClass)[];
  /** Whether elementwise steps on the operand of the first stage are computed as it is read. */
  readonly prologue: boolean;
  /** Whether elementwise steps may follow the last stage. */
  readonly epilogue: boolean;
  /** The op whose own template computes the same by the usual algorithm; their costs decide which of the two is used. */
  readonly insteadOf?: OpName;
  /** The work of a stage, for a template of one stage; by default, multiply-accumulates at the rate of dense products. */
  readonly work?: WorkOf;
  /** What a block may keep on chip, and the cost of that; absent for a kernel that keeps nothing. */
  readonly onChip?: OnChipChoices;
  /** For a template of several stages, what a target must keep on chip for the template to be useful there: one of these. */
  readonly needs?: readonly Kept[];
}

/** A template of one op. */
function single<O extends OpName, const F extends Pick<Template, "doc"> & Partial<Template>>(
  op: O,
  fields: F,
) {
  return { stages: [op], prologue: false, epilogue: true, ...fields } as const;
}

const table = {
  copy: { doc: "Copies a value.", stages: [], prologue: false, epilogue: false },
  elementwise: {
    doc: "Maps elements one by one.",
    stages: [],
    prologue: false,
    epilogue: true,
  },
  pointwise: {
    doc: "A 1×1 convolution without padding, as one product of matrices.",
    stages: ["pointwise"],
    prologue: false,
    epilogue: true,
  },
  conv2d: single("conv2d", {
    doc: "A convolution with any window and groups.",
    prologue: true,
    work: convolutionWork,
    onChip: aroundWindow(0, convolutionWindow),
  }),
  winograd: single("conv2d", {
    doc: "A 3×3 convolution with stride 1, in tiles that are transformed, multiplied, and transformed back.",
    prologue: true,
    insteadOf: "conv2d",
    work: winogradWork,
  }),
  depthwise_conv2d: single("depthwise_conv2d", {
    doc: "A depthwise convolution.",
    prologue: true,
    work: depthwiseWork,
    onChip: aroundWindow(0, convolutionWindow),
  }),
  conv2d_transpose: single("conv2d_transpose", { doc: "A transposed convolution." }),
  dense: single("dense", { doc: "A dense layer." }),
  matmul: single("matmul", { doc: "The product of two values." }),
  batch_norm: single("batch_norm", { doc: "A batch norm that no convolution takes in." }),
  layer_norm: single("layer_norm", { doc: "A layer norm." }),
  group_norm: single("group_norm", { doc: "A group norm." }),
  max_pool: single("max_pool", {
    doc: "The maximum over a window.",
    prologue: true,
    work: poolWork,
    onChip: aroundWindow(0, poolWindow),
  }),
  avg_pool: single("avg_pool", {
    doc: "The mean over a window.",
    prologue: true,
    work: poolWork,
    onChip: aroundWindow(0, poolWindow),
  }),
  global_avg_pool: single("global_avg_pool", { doc: "The mean over height and width." }),
  global_max_pool: single("global_max_pool", { doc: "The maximum over height and width." }),
  reduce_sum: single("reduce_sum", { doc: "The sum along axes." }),
  reduce_mean: single("reduce_mean", { doc: "The mean along axes." }),
  reduce_max: single("reduce_max", { doc: "The maximum along axes." }),
  reduce_min: single("reduce_min", { doc: "The minimum along axes." }),
  reduce_prod: single("reduce_prod", { doc: "The product along axes." }),
  pad: single("pad", { doc: "A border around a value." }),
  concat: single("concat", {
    doc: "The parts of a concatenation that are not written in place.",
    epilogue: false,
  }),
  slice: single("slice", { doc: "A part of a value." }),
  reshape: single("reshape", { doc: "A value in another shape, where that is no view of memory." }),
  transpose: single("transpose", { doc: "A value with its axes in another order." }),
  resize: single("resize", { doc: "A value at another height and width." }),
  gather: single("gather", { doc: "Elements, or vectors of them, at computed places." }),
  scatter: single("scatter", { doc: "A copy with updates at computed places.", epilogue: false }),
  top_k: single("top_k", { doc: "The places of the largest elements.", epilogue: false }),
  non_max_suppression: single("non_max_suppression", {
    doc: "The places of boxes that do not overlap.",
    epilogue: false,
  }),
  softmax: single("softmax", { doc: "A softmax along an axis.", epilogue: false }),
  separable: {
    doc: "The depthwise result of a few rows, or of a tile of pixels, stays on chip.",
    stages: ["depthwise", "pointwise"],
    prologue: false,
    epilogue: true,
    onChip: aroundWindow(0, convolutionWindow),
    needs: ["rows", "pixels"],
  },
  inverted_residual: {
    doc: "The widened value and the depthwise result of a few rows stay on chip.",
    stages: ["pointwise", "depthwise", "pointwise"],
    prologue: false,
    epilogue: true,
    onChip: aroundWindow(1, convolutionWindow),
    needs: ["rows"],
  },
  separable_pointwise: {
    doc: "The depthwise result of a tile of pixels, and its first product, stay on chip.",
    stages: ["depthwise", "pointwise", "pointwise"],
    prologue: false,
    epilogue: true,
    onChip: aroundWindow(0, convolutionWindow),
    needs: ["pixels"],
  },
  pooled_dense: {
    doc: "The pooled vector is made on chip by every block of the dense layer.",
    stages: ["global_avg_pool", "dense"],
    prologue: false,
    epilogue: true,
    onChip: pooledVector,
    needs: ["pixels"],
  },
} as const satisfies Record<StageOp, Template> & Record<string, Template>;

/** Ops that do more than map elements. */
type StageOp = Exclude<OpName, keyof typeof elementwise | "input" | "constant">;

type Table = typeof table;

declare module "#ir/graph.js" {
  interface TemplateTable extends Record<keyof Table, true> {}
}

/** All templates by name. An op that is not elementwise has a template with its name. */
export const templates: Readonly<Record<TemplateName, Template>> = table;

export const templateNames = Object.keys(table) as readonly TemplateName[];

/** Whether a template is useful on a target. A template of one stage always is. */
export function isOfUse({ stages, needs = [] }: Template, { chains }: Target): boolean {
  if (stages.length <= 1) return true;
  return (
    chains !== undefined &&
    stages.length <= chains.stages &&
    needs.some((kept) => chains.keeps.includes(kept))
  );
}

/** The chains that a template holds, as a fusion describes them: `depthwise -> elementwise* -> pointwise -> elementwise*`. */
export function chainText(name: TemplateName): string {
  const { stages, prologue, epilogue } = templates[name];
  if (stages.length === 0) return "elementwise -> elementwise*";
  return [
    ...(prologue ? ["elementwise*"] : []),
    stages.join(" -> elementwise* -> "),
    ...(epilogue ? ["elementwise*"] : []),
  ].join(" -> ");
}
