// Products of two values.

import { channels, elements } from "#ir/type.js";
import type { Body } from "../ir/body.js";
import type { Int } from "../ir/expressions.js";
import { addInt, int, mulInt } from "../ir/expressions.js";
import { plainRuns } from "../part/columns.js";
import { emitMatmul } from "../part/matmul.js";
import { reads, stridesOf } from "../part/operands.js";
import type { Steps } from "../part/steps.js";
import { storeResult } from "../part/steps.js";
import type { Context } from "./context.js";
import { epilogueOf, portsOf, sourceOf, stageOf } from "./context.js";

/** The product of two values, `[..., n, k] · [..., k, m]`, whose leading axes broadcast. A block computes one product. */
export function matmulBody(c: Context): Body {
  const { k, tile } = c;
  const { x: a, y } = portsOf(c);
  const { stage } = stageOf(c, 0, "matmul");
  const epilogue = epilogueOf(c, stage);
  const b = reads(k, "b", sourceOf(stage, 1));
  const lead = y.shape.slice(0, -2);
  const [rows = 1, columns = 1] = y.shape.slice(-2);
  const strides = [stridesOf(a.shape, a.stride), stridesOf(b.shape, b.stride)];
  return {
    blocks: elements(lead),
    write: (block) => {
      const index: Int[] = [];
      let rest: Int = block;
      for (const extent of lead.toReversed()) {
        index.unshift(extent === 1 ? 0 : k.letInt("i", int("rem", rest, extent)));
        rest = extent === 1 ? rest : k.letInt("rest", int("div", rest, extent));
      }
      const [startA = 0, startB = 0] = [a, b].map((operand, which) => {
        const before = operand.shape.length - 2;
        return k.letInt(
          which === 0 ? "p" : "q",
          addInt(
            ...operand.shape
              .slice(0, -2)
              .map((extent, axis) =>
                extent === 1
                  ? 0
                  : mulInt(index[axis + lead.length - before] ?? 0, strides[which]?.[axis] ?? 0),
              ),
          ),
        );
      });
      const at = (row: Int, column: Int): Parameters<Steps["apply"]>[1] => ({
        pixel: addInt(mulInt(block, rows), row),
        channel: column,
        index: [...index, row, column],
      });
      emitMatmul(k, tile, {
        lines: 1,
        rows,
        runs: plainRuns(a, channels(a.shape), (row) => addInt(startA, mulInt(row, a.stride))),
        columns: {
          place: b.place,
          start: startB,
          depth: channels(a.shape),
          count: columns,
          step: b.stride,
          wide: b.wide,
        },
        finish: (sum, _line, row, column) => storeResult(k, y, sum, at(row, column), epilogue),
      });
    },
  };
}
