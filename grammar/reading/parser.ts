// The grammar: a chevrotain parser from tokens to a concrete syntax tree, from which `tree-builder.ts` makes an `Ast`.

import { EOF, isRecognitionException, type IToken } from "chevrotain";
import type { TreeBuilder } from "./tree-builder.js";
import type { FileCstNode, StatementCstNode } from "./cst.js";
import { ExpressionParser } from "./expression-parser.js";
import { faultOf, type Fault } from "../errors/fault.js";
import type { StatementTokens } from "../tokens/line-ends.js";
import * as t from "../tokens/tokens.js";

/**
 * Parses the tokens of `placeStatementEnds`. It skips a wrong statement up to its `Newline`, so each statement has at most
 * one error and all others are parsed. It also parses `{ … }` in a skipped statement, to report the errors in it.
 */
class Parser extends ExpressionParser {
  /** The `{` of the input that are never closed. */
  unclosed: ReadonlySet<IToken> = new Set();

  constructor() {
    super();
    this.performSelfAnalysis();
  }

  // ── Items ────────────────────────────────────────────────────────────────────────────────────────────────────────

  readonly file = this.RULE("file", () => {
    this.lines(
      () => false,
      () => void this.SUBRULE(this.item),
    );
  });

  private readonly item = this.RULE("item", () => {
    this.OR([
      { ALT: () => this.SUBRULE(this.netItem) },
      { ALT: () => this.SUBRULE(this.blockItem) },
      { ALT: () => this.SUBRULE(this.classItem) },
      { ALT: () => this.SUBRULE(this.ruleItem) },
      { ALT: () => this.SUBRULE(this.ruleSetItem) },
      { ALT: () => this.SUBRULE(this.fuseItem) },
      { ALT: () => this.SUBRULE(this.constItem) },
      { ALT: () => this.SUBRULE(this.importItem) },
    ]);
    this.CONSUME(t.Newline);
  });

  private readonly importItem = this.RULE("importItem", () => {
    this.CONSUME(t.Import);
    this.AT_LEAST_ONE_SEP({ SEP: t.Comma, DEF: () => this.CONSUME(t.Identifier) });
    this.CONSUME(t.From);
    this.CONSUME(t.StringToken);
  });

  private readonly netItem = this.RULE("netItem", () => {
    this.CONSUME(t.Net);
    this.CONSUME(t.Identifier);
    this.SUBRULE(this.body);
  });

  private readonly blockItem = this.RULE("blockItem", () => {
    this.CONSUME(t.Block);
    this.CONSUME(t.Identifier);
    this.SUBRULE(this.parameters);
    this.SUBRULE(this.body);
  });

  private readonly parameters = this.RULE("parameters", () => {
    this.CONSUME(t.OpenParen);
    this.OPTION(() => {
      this.SUBRULE1(this.parameter);
      this.MANY(() => {
        this.CONSUME1(t.Comma);
        this.SUBRULE2(this.parameter);
      });
      this.OPTION1(() => this.CONSUME2(t.Comma));
    });
    this.CONSUME(t.CloseParen);
  });

  private readonly parameter = this.RULE("parameter", () => {
    this.CONSUME(t.Identifier);
    this.OPTION(() => {
      this.CONSUME(t.Equal);
      this.SUBRULE(this.expression);
    });
  });

  private readonly classItem = this.RULE("classItem", () => {
    this.CONSUME(t.Class);
    this.CONSUME(t.Identifier);
    this.CONSUME(t.Equal);
    this.AT_LEAST_ONE_SEP({ SEP: t.Bar, DEF: () => this.SUBRULE(this.classMember) });
  });

  private readonly classMember = this.RULE("classMember", () => void this.CONSUME(t.Identifier));

  private readonly ruleItem = this.RULE("ruleItem", () => {
    this.CONSUME(t.Rule);
    this.OPTION1(() => this.SUBRULE(this.tolerance));
    this.OPTION2(() => this.SUBRULE(this.benefit));
    this.CONSUME(t.Identifier);
    this.CONSUME(t.Colon);
    this.AT_LEAST_ONE_SEP1({ SEP: t.Comma, DEF: () => this.SUBRULE1(this.expression) });
    this.CONSUME(t.FatArrow);
    this.AT_LEAST_ONE_SEP2({ SEP: t.Comma, DEF: () => this.SUBRULE2(this.expression) });
    this.OPTION3(() => {
      this.CONSUME(t.Where);
      this.AT_LEAST_ONE_SEP3({ SEP: t.Comma, DEF: () => this.SUBRULE(this.whereBinding) });
    });
    this.OPTION4(() => this.SUBRULE(this.condition));
  });

  private readonly ruleSetItem = this.RULE("ruleSetItem", () => {
    this.CONSUME(t.Rules);
    this.CONSUME(t.Identifier);
    this.OPTION(() => this.SUBRULE(this.rulePlace));
    const brace = this.CONSUME(t.OpenBrace);
    this.lines(
      (next) => next.tokenType === t.CloseBrace || (next.tokenType !== t.Rule && this.unclosed.has(brace)),
      () => void this.SUBRULE(this.ruleLine),
    );
    this.CONSUME(t.CloseBrace);
  });

  private readonly ruleLine = this.RULE("ruleLine", () => {
    this.SUBRULE(this.ruleItem);
    this.CONSUME(t.Newline);
  });

  private readonly rulePlace = this.RULE("rulePlace", () => {
    this.OR([{ ALT: () => this.CONSUME(t.Before) }, { ALT: () => this.CONSUME(t.After) }]);
    // The name of a pass: `fuse`, `fold-batch-norm`.
    this.AT_LEAST_ONE_SEP({ SEP: t.Minus, DEF: () => this.CONSUME(t.ArgumentName) });
  });

  private readonly tolerance = this.RULE("tolerance", () => {
    this.CONSUME(t.Approx);
    this.CONSUME(t.OpenParen);
    this.SUBRULE(this.expression);
    this.CONSUME(t.CloseParen);
  });

  private readonly benefit = this.RULE("benefit", () => {
    this.CONSUME(t.Benefit);
    this.CONSUME(t.OpenParen);
    this.SUBRULE(this.expression);
    this.CONSUME(t.CloseParen);
  });

  private readonly whereBinding = this.RULE("whereBinding", () => {
    this.CONSUME(t.Identifier);
    this.CONSUME(t.Equal);
    this.SUBRULE(this.expression);
  });

  private readonly condition = this.RULE("condition", () => {
    this.CONSUME(t.When);
    this.SUBRULE(this.expression);
  });

  private readonly fuseItem = this.RULE("fuseItem", () => {
    this.CONSUME(t.Fuse);
    this.CONSUME(t.Identifier);
    this.CONSUME(t.Colon);
    this.AT_LEAST_ONE_SEP({ SEP: t.Arrow, DEF: () => this.SUBRULE(this.fuseLink) });
    this.OPTION(() => this.SUBRULE(this.condition));
  });

  private readonly fuseLink = this.RULE("fuseLink", () => {
    this.CONSUME(t.Identifier);
    this.OPTION(() =>
      this.OR([
        { ALT: () => this.CONSUME(t.Star) },
        { ALT: () => this.CONSUME(t.Plus) },
        { ALT: () => this.CONSUME(t.Question) },
      ]),
    );
  });

  private readonly constItem = this.RULE("constItem", () => {
    this.CONSUME(t.Const);
    this.CONSUME(t.Identifier);
    this.CONSUME(t.Equal);
    this.SUBRULE(this.expression);
  });

  // ── Statements ───────────────────────────────────────────────────────────────────────────────────────────────────

  private readonly body = this.RULE("body", () => {
    const brace = this.CONSUME(t.OpenBrace);
    this.lines(
      // A body cannot contain an item. If the body is never closed, its `}` is missing before the item.
      (next) => next.tokenType === t.CloseBrace || (t.is(next, t.ItemStart) && this.unclosed.has(brace)),
      () => {
        const node = this.SUBRULE(this.statement);
        if (!this.RECORDING_PHASE) this.trees?.statement(node as StatementCstNode);
      },
    );
    this.CONSUME(t.CloseBrace);
  });

  private readonly statement = this.RULE("statement", () => {
    this.OR([
      { ALT: () => this.SUBRULE(this.weightsStatement) },
      { ALT: () => this.SUBRULE(this.inputStatement) },
      { ALT: () => this.SUBRULE(this.paramStatement) },
      { ALT: () => this.SUBRULE(this.constItem) },
      { ALT: () => this.SUBRULE(this.repeatStatement) },
      { ALT: () => this.SUBRULE(this.ifStatement) },
      { ALT: () => this.SUBRULE(this.assertStatement) },
      { ALT: () => this.SUBRULE(this.kernelStatement) },
      { ALT: () => this.SUBRULE(this.outputStatement) },
      { ALT: () => this.SUBRULE(this.returnStatement) },
      { ALT: () => this.SUBRULE(this.bindStatement) },
    ]);
    this.CONSUME(t.Newline);
  });

  private readonly weightsStatement = this.RULE("weightsStatement", () => {
    this.CONSUME(t.Weights);
    this.CONSUME(t.StringToken);
  });

  private readonly inputStatement = this.RULE("inputStatement", () => {
    this.CONSUME(t.Input);
    this.CONSUME(t.Identifier);
    this.CONSUME(t.Colon);
    this.SUBRULE(this.type);
    this.OPTION(() => {
      this.CONSUME(t.Preprocess);
      this.SUBRULE(this.arguments);
    });
  });

  private readonly paramStatement = this.RULE("paramStatement", () => {
    this.CONSUME(t.Param);
    this.CONSUME(t.Identifier);
    this.CONSUME(t.Colon);
    this.SUBRULE(this.type);
    this.OPTION(() => {
      this.CONSUME(t.Equal);
      this.SUBRULE(this.expression);
    });
  });

  private readonly repeatStatement = this.RULE("repeatStatement", () => {
    this.CONSUME(t.Repeat);
    this.SUBRULE(this.expression);
    this.OPTION(() => {
      this.CONSUME(t.As);
      this.CONSUME(t.Identifier);
    });
    this.SUBRULE(this.body);
  });

  private readonly kernelStatement = this.RULE("kernelStatement", () => {
    this.CONSUME(t.Kernel);
    this.CONSUME1(t.Identifier);
    this.CONSUME2(t.Identifier);
    this.OPTION(() => this.SUBRULE(this.arguments));
    this.SUBRULE(this.body);
  });

  private readonly outputStatement = this.RULE("outputStatement", () => {
    this.CONSUME(t.Output);
    this.AT_LEAST_ONE_SEP({ SEP: t.Comma, DEF: () => this.SUBRULE(this.outputValue) });
  });

  private readonly outputValue = this.RULE("outputValue", () => {
    this.CONSUME(t.Identifier);
    this.OPTION1(() => {
      this.CONSUME(t.Labels);
      this.SUBRULE(this.arguments);
    });
    this.OPTION2(() => {
      this.CONSUME(t.Equal);
      this.SUBRULE(this.expression);
    });
  });

  private readonly returnStatement = this.RULE("returnStatement", () => {
    this.CONSUME(t.Return);
    this.AT_LEAST_ONE_SEP({ SEP: t.Comma, DEF: () => this.SUBRULE(this.expression) });
  });

  private readonly ifStatement = this.RULE("ifStatement", () => {
    this.CONSUME1(t.If);
    this.SUBRULE1(this.expression);
    this.SUBRULE1(this.body);
    this.MANY(() => {
      this.CONSUME1(t.Else);
      this.CONSUME2(t.If);
      this.SUBRULE2(this.expression);
      this.SUBRULE2(this.body);
    });
    this.OPTION(() => {
      this.CONSUME2(t.Else);
      this.SUBRULE3(this.body);
    });
  });

  private readonly assertStatement = this.RULE("assertStatement", () => {
    this.CONSUME(t.Assert);
    this.SUBRULE1(this.expression);
    this.OPTION(() => {
      this.CONSUME(t.Comma);
      this.SUBRULE2(this.expression);
    });
  });

  private readonly bindStatement = this.RULE("bindStatement", () => {
    this.AT_LEAST_ONE_SEP({ SEP: t.Comma, DEF: () => this.SUBRULE(this.target) });
    this.CONSUME(t.Equal);
    this.SUBRULE(this.expression);
  });

  private readonly target = this.RULE("target", () => {
    this.CONSUME(t.Identifier);
    this.OPTION(() => {
      this.CONSUME(t.Colon);
      this.SUBRULE(this.type);
    });
  });

  // ── Recovery ─────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Parses lines until `ended`. In the grammar this is a repetition; at run time, every line is tried. */
  private lines(ended: (next: IToken) => boolean, parse: () => void): void {
    if (this.RECORDING_PHASE) {
      this.MANY(parse);
      return;
    }
    for (let first = this.LA(1); first.tokenType !== EOF && !ended(first); first = this.LA(1)) {
      this.prefixes = 0;
      if (!this.succeeds(parse)) this.skipLine(first);
      // The rest is not parsed; the open rules see the end of the file.
      if (this.errors.length >= faultLimit) while (this.LA(1).tokenType !== EOF) this.SKIP_TOKEN();
    }
  }

  /** Skips to the next line at this level, at least past `first`. Parses bodies on the way only for their errors. */
  private skipLine(first: IToken): void {
    if (this.LA(1) !== first && this.LA(0).tokenType === t.Newline) return;
    do {
      if (this.LA(1).tokenType === t.OpenBrace) this.succeeds(() => this.SUBRULE(this.body));
      else this.SKIP_TOKEN();
    } while (this.LA(0).tokenType !== t.Newline && this.LA(1).tokenType !== EOF);
  }

  private succeeds(parse: () => void): boolean {
    try {
      parse();
      return true;
    } catch (exception) {
      // Chevrotain has added its own exceptions to `errors` when it threw them.
      if (exception instanceof Error && isRecognitionException(exception)) return false;
      throw exception;
    }
  }
}

let parser: Parser | undefined;

/** The grammar as a parser; made on first use, since its analysis takes some milliseconds. */
function theParser(): Parser {
  return (parser ??= new Parser());
}

/** The grammar as data, for the diagrams and the types of the concrete tree. */
export function grammarProductions(): ReturnType<Parser["getGAstProductions"]> {
  return theParser().getGAstProductions();
}

/** Most faults of a file that are reported. */
export const faultLimit = 1000;

/** The concrete tree of all lines without a fault, and the faults; `trees` builds statements while they are parsed. */
export function parseTokens(
  { tokens, unclosed }: StatementTokens,
  trees: TreeBuilder,
): { tree: FileCstNode; faults: Fault[] } {
  const reader = theParser();
  reader.input = tokens;
  reader.unclosed = unclosed;
  reader.trees = trees;
  // The start rule has no required token, so it returns a tree for any input.
  const tree = reader.file() as FileCstNode;
  const faults = reader.errors.slice(0, faultLimit).map(faultOf);
  // The parser lives on, and would keep all tokens.
  reader.input = [];
  reader.trees = undefined;
  return { tree, faults };
}
