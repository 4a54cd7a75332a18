// Rules as text in TypeScript files: so built-in rules need no file system, and the compiler runs in a browser.

import { parse } from "#grammar/reading/parse.js";
import type { Ast } from "#grammar/ast.js";
import type { Diagnostic } from "#diagnostic/diagnostic.js";
import { bug, hasErrors } from "#diagnostic/diagnostic.js";
import { lineCol } from "#diagnostic/position.js";
import { compileRules } from "./compile-rule.js";
import type { Rule } from "../rule.js";

/** A text of built-in rules. It is parsed and compiled at its first use, since a browser may load the compiler without needing it. */
export interface RuleText {
  readonly file: string;
  readonly text: string;
  ast(): Ast;
  rules(): readonly Rule[];
}

/** ``net("rules/padding")`rule …` `` is a built-in text with that name. An error in it is a bug, and is thrown at the first use. */
export function net(file: string): (strings: TemplateStringsArray) => RuleText {
  return ({ raw }) => {
    const text = raw.join("");
    let ast: Ast | undefined;
    let rules: readonly Rule[] | undefined;
    const self: RuleText = {
      file,
      text,
      ast: () => {
        if (ast) return ast;
        const parsed = parse(text, file);
        return (ast = parsed.value ?? bug(describe(parsed.diagnostics, text)));
      },
      rules: () => {
        if (rules) return rules;
        const compiled = compileRules(self.ast().items);
        if (hasErrors(compiled.diagnostics)) bug(describe(compiled.diagnostics, text));
        return (rules = compiled.value ?? []);
      },
    };
    return self;
  };
}

function describe(diagnostics: readonly Diagnostic[], text: string): string {
  return diagnostics
    .map(({ message, span, help }) => {
      const place = span ? `${span.file}:${lineCol(text, span.start).line}: ` : "";
      return `${place}${message}${help ? ` (${help.join("; ")})` : ""}`;
    })
    .join("\n");
}
