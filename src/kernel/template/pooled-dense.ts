// The mean over height and width, followed by a dense layer.

import { channels } from "#ir/type.js";
import type { Body } from "../ir/body.js";
import type { Int } from "../ir/expressions.js";
import { address, addInt, binary, f32, i32, int, mulInt, widen } from "../ir/expressions.js";
import { weightColumns } from "../part/columns.js";
import { foldPixels, starts } from "../part/folds.js";
import type { Place } from "../ir/ir.js";
import { storeResult } from "../part/steps.js";
import type { TeamProduct } from "../part/team-product.js";
import { eachVector, flatItems, teamBlocks } from "../part/team.js";
import { emitTeamProduct, plainRow, productItems } from "../part/team-product.js";
import type { Context } from "./context.js";
import { biasedEpilogueOf, epilogueOf, portsOf, sourceOf, stageOf } from "./context.js";

/** Every block pools a sample, and computes a part of the dense layer's results. */
export function pooledDenseBody(c: Context): Body {
  const { k, tile } = c;
  const { x, y } = portsOf(c);
  const between = epilogueOf(c, stageOf(c, 0, "global_avg_pool").stage);
  const { stage } = stageOf(c, 1, "dense");
  const epilogue = biasedEpilogueOf(c, stage);
  const samples = x.shape[0] ?? 1;
  const pixels = (x.shape[1] ?? 1) * (x.shape[2] ?? 1);
  const depth = channels(x.shape);
  const scratch: Place = { kind: "scratch" };
  const columns = weightColumns(c, sourceOf(stage, 1), { depth, columns: channels(y.shape) })(0);
  const product = (sample: Int, base: number): TeamProduct => ({
    rows: 1,
    counts: [],
    length: depth,
    row: plainRow(k, { place: scratch, stride: depth }, base),
    columns,
    finish: (sum, _row, column) => storeResult(k, y, sum, { pixel: sample, channel: column }, epilogue),
  });
  const parts = teamBlocks(k, productItems(k, tile, product(0, 0)));
  const wide = x.wide && between.wide;
  return {
    blocks: samples * parts,
    write: (block) => {
      const base = k.scratch(depth);
      const sample = k.letInt("sample", int("div", block, parts));
      const part = k.letInt("part", int("rem", block, parts));
      const start = k.letInt("p", mulInt(sample, pixels * x.stride));
      const items = (count: number, body: (item: Int) => void): void =>
        k.items(["item"], [count], (item = 0) => body(item));
      eachVector(k, { depth, wide, pixels: 1, items }, (_pixel, channel, size) => {
        const sum = k.let("sum", widen(f32(starts.mean), size));
        const q = k.let("q", i32(addInt(start, channel)));
        foldPixels(k, "mean", [sum], q, x, pixels);
        const value = binary("div", sum, f32(pixels));
        k.store(scratch, address(addInt(channel, base)), between.apply(value, { pixel: sample, channel }));
      });
      emitTeamProduct(k, tile, product(sample, base), (count, body) => flatItems(k, part, count, body));
    },
  };
}
