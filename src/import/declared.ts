// Compares the shapes that a model declares with the computed ones. The importer takes the computed shape and warns about the difference.

import type { Diagnostic } from "#diagnostic/diagnostic.js";
import { warning } from "#diagnostic/diagnostic.js";
import { batchAxis } from "./batch.js";
import type { Lowering } from "./lowering.js";
import type { Value } from "./value.js";

/** Extents as the model declares them; undefined where an extent is open. */
export type Declared = readonly (number | undefined)[];

/** Whether a value has other extents than the model declares. The extent of an open batch is not compared. */
export function differs(ctx: Lowering, value: Value, declared: Declared): boolean {
  const batch = batchAxis(ctx, value);
  return (
    declared.length !== value.shape.length ||
    declared.some((extent, axis) => extent !== undefined && axis !== batch && extent !== value.shape[axis])
  );
}

/** The warning that a value differs from its declaration; `place` names the value, as the start of a sentence. */
export function declaredWarning(ctx: Lowering, place: string, value: Value, declared: Declared): Diagnostic {
  const batch = batchAxis(ctx, value);
  const actual = value.shape.map((extent, axis) => (axis === batch ? (ctx.build.batch ?? extent) : extent));
  const written = declared.map((extent) => extent ?? "?");
  return warning(
    "declared-shape",
    `${place} is [${actual.join(", ")}], but the model declares [${written.join(", ")}]`,
    { help: ["the shape computed from the inputs is used; was the model exported for other sizes?"] },
  );
}
