// Functions that kernels call and JavaScript does not have; a module contains those that it uses.

import { runtimeTexts } from "#runtime/text.js";

export type Helper = "erf" | "roundHalfEven";

/** The text of a helper: a function of one number. */
export function helperText(helper: Helper): string {
  return runtimeTexts[helper];
}
