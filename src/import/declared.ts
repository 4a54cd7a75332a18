// Shapes that a model declares of its values, beside those that they turn out to have: the computed one is taken, and the difference said.

import type { Diagnostic } from "#diagnostic/diagnostic.js";
import { warning } from "#diagnostic/diagnostic.js";
import { batchAxis } from "./batch.js";
import type { Lowering } from "./lowering.js";
import type { Value } from "./value.js";

/** Extents as the model declares them; undefined where one is open. */
export type Declared = readonly (number | undefined)[];

/** Whether a value has other extents than the model declares. What is declared of an open batch does not count. */
export function differs(ctx: Lowering, value: Value, declared: Declared): boolean {
  const batch = batchAxis(ctx, value);
  return (
    declared.length !== value.shape.length ||
    declared.some((extent, axis) => extent !== undefined && axis !== batch && extent !== value.shape[axis])
  );
}

/** The warning that a value is not as declared; `place` says which, in words that end the beginning of a sentence. */
export function declaredWarning(ctx: Lowering, place: string, value: Value, declared: Declared): Diagnostic {
  const batch = batchAxis(ctx, value);
  const actual = value.shape.map((extent, axis) => (axis === batch ? (ctx.build.batch ?? extent) : extent));
  const written = declared.map((extent) => extent ?? "?");
  return warning(
    "declared-shape",
    `${place} is [${actual.join(", ")}], but the model declares [${written.join(", ")}]`,
    { help: ["what is computed from the inputs' shapes is taken; is the model exported for other sizes?"] },
  );
}
