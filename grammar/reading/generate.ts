// Generates files from the grammar: the types of the concrete syntax tree.

import { generateCstDts } from "chevrotain";
import { grammarProductions } from "./parser.js";

/** The text of `grammar/reading/cst.ts`. */
export function cstTypes(): string {
  const head =
    "// The types of the concrete syntax tree. Generated from parser.ts by `UPDATE=1 npx vitest run test/grammar`.\n\n";
  const types = generateCstDts(grammarProductions(), { includeVisitorInterface: false });
  return head + types.replace("ICstVisitor, ", "");
}
