// The body of each template, in the form of each kind of target.

import type { TemplateName } from "#ir/graph.js";
import type { Body } from "../ir/body.js";
import { concatByBlocks, concatByVectors } from "./concat.js";
import type { Form } from "../part/emitter.js";
import type { Context, Make } from "./context.js";
import { convolutionByRows, convolutionByTiles } from "./conv2d.js";
import { depthwiseByPixels, depthwiseByRows } from "./depthwise-conv2d.js";
import { batchNormBody, elementwiseBody } from "./elementwise.js";
import { gatherBody } from "./gather.js";
import { globalPoolByChannels, globalPoolBySamples } from "./global-pool.js";
import { groupNormByGroups, groupNormInTeams } from "./group-norm.js";
import { layerNormBody } from "./layer-norm.js";
import { matmulBody } from "./matmul.js";
import { padBody } from "./pad.js";
import { pointwiseByBlocks, pointwiseByTiles } from "./pointwise.js";
import { pooledDenseBody } from "./pooled-dense.js";
import { poolByPixels, poolByRows } from "./pool.js";
import { reduceBody } from "./reduce.js";
import { reshapeBody, sliceBody, transposeBody } from "./reshape.js";
import { resizeBody } from "./resize.js";
import { scatterBody } from "./scatter.js";
import { suppressionBody, topKBody } from "./select.js";
import { invertedResidualByRows, separableByRows } from "./separable-rows.js";
import { separableByTiles, separablePointwiseByTiles } from "./separable-tiles.js";
import { softmaxInPlace, softmaxInScratch } from "./softmax.js";
import { transposedConvolutionBody } from "./transposed-convolution.js";
import { winogradBody } from "./winograd.js";

/** One body for both forms, or one for each. */
type Forms = Make | Readonly<Record<Form, Make>>;

const pointwise: Forms = { cpu: pointwiseByBlocks, gpu: pointwiseByTiles };
const pool: Forms = { cpu: poolByRows, gpu: poolByPixels };
const globalPool: Forms = { cpu: globalPoolBySamples, gpu: globalPoolByChannels };

const bodies: Readonly<Record<TemplateName, Forms>> = {
  copy: elementwiseBody,
  elementwise: elementwiseBody,
  pointwise,
  dense: pointwise,
  conv2d: { cpu: convolutionByRows, gpu: convolutionByTiles },
  winograd: winogradBody,
  depthwise_conv2d: { cpu: depthwiseByRows, gpu: depthwiseByPixels },
  conv2d_transpose: transposedConvolutionBody,
  matmul: matmulBody,
  batch_norm: batchNormBody,
  layer_norm: layerNormBody,
  group_norm: { cpu: groupNormByGroups, gpu: groupNormInTeams },
  max_pool: pool,
  avg_pool: pool,
  global_avg_pool: globalPool,
  global_max_pool: globalPool,
  reduce_sum: reduceBody,
  reduce_mean: reduceBody,
  reduce_max: reduceBody,
  reduce_min: reduceBody,
  reduce_prod: reduceBody,
  pad: padBody,
  concat: { cpu: concatByBlocks, gpu: concatByVectors },
  slice: sliceBody,
  reshape: reshapeBody,
  transpose: transposeBody,
  resize: resizeBody,
  gather: gatherBody,
  scatter: scatterBody,
  top_k: topKBody,
  non_max_suppression: suppressionBody,
  softmax: { cpu: softmaxInScratch, gpu: softmaxInPlace },
  separable: { cpu: separableByRows, gpu: separableByTiles },
  inverted_residual: invertedResidualByRows,
  separable_pointwise: separablePointwiseByTiles,
  pooled_dense: pooledDenseBody,
};

/** The body of a group's kernel. */
export function bodyOf(c: Context): Body {
  const forms = bodies[c.group.plan.template];
  return (typeof forms === "function" ? forms : forms[c.form])(c);
}
