// The grammar of expressions, calls and types, as rules of a chevrotain parser; `parser.ts` adds items and statements.

import { CstParser, type CstNode } from "chevrotain";
import type { TreeBuilder } from "./tree-builder.js";
import type { ExpressionCstNode } from "./cst.js";
import { faultMessages } from "../errors/fault.js";
import * as t from "../tokens/tokens.js";

/** The rules below statements. A class that adds further rules ends its constructor with `performSelfAnalysis`. */
export class ExpressionParser extends CstParser {
  /** Builds the syntax tree of each statement at once, so that the concrete tree, which is ten times as large, can be freed. */
  trees: TreeBuilder | undefined;
  /** How many `-` and `not` are open in the statement. Their operands are built together with them, since the builder counts them. */
  protected prefixes = 0;

  constructor() {
    super(t.allTokens, {
      maxLookahead: 2,
      nodeLocationTracking: "onlyOffset",
      recoveryEnabled: false,
      errorMessageProvider: faultMessages,
    });
  }

  protected readonly expression = this.RULE("expression", () => {
    this.OR([
      { ALT: () => this.SUBRULE(this.conditional) },
      {
        ALT: () => {
          this.SUBRULE(this.operation);
          this.MANY(() => {
            this.CONSUME(t.Pipe);
            this.SUBRULE(this.call);
          });
        },
      },
    ]);
  });

  private readonly conditional = this.RULE("conditional", () => {
    this.CONSUME(t.If);
    this.SUBRULE1(this.expression);
    this.CONSUME(t.Then);
    this.SUBRULE2(this.expression);
    this.CONSUME(t.Else);
    this.SUBRULE3(this.expression);
  });

  /** Operands and operators in a row. `operation.ts` applies precedence, so the recursion here stays shallow. */
  private readonly operation = this.RULE("operation", () => {
    this.SUBRULE1(this.operand);
    this.MANY(() => {
      this.CONSUME(t.BinaryOperator);
      this.SUBRULE2(this.operand);
    });
  });

  private readonly operand = this.RULE("operand", () => {
    const before = this.prefixes;
    this.MANY1(() => {
      this.OR1([{ ALT: () => this.CONSUME(t.Minus) }, { ALT: () => this.CONSUME(t.Not) }]);
      this.prefixes += 1;
    });
    this.OR2([
      { ALT: () => this.CONSUME(t.NumberToken) },
      { ALT: () => this.CONSUME(t.SizeToken) },
      { ALT: () => this.CONSUME(t.StringToken) },
      { ALT: () => this.SUBRULE(this.call) },
      { ALT: () => this.SUBRULE(this.list) },
      { ALT: () => this.SUBRULE(this.group) },
    ]);
    this.MANY2(() => this.SUBRULE(this.index));
    this.prefixes = before;
  });

  private readonly index = this.RULE("index", () => {
    this.CONSUME(t.OpenBracket);
    this.SUBRULE(this.expression);
    this.CONSUME(t.CloseBracket);
  });

  private readonly call = this.RULE("call", () => {
    this.OR([
      {
        ALT: () => {
          this.CONSUME1(t.Identifier);
          this.OPTION1(() => this.CONSUME(t.Question));
          this.CONSUME(t.Colon);
          this.CONSUME2(t.Identifier);
          this.SUBRULE1(this.arguments);
        },
      },
      {
        ALT: () => {
          this.CONSUME3(t.Identifier);
          this.OPTION2(() => this.SUBRULE2(this.arguments));
        },
      },
    ]);
  });

  protected readonly arguments = this.RULE("arguments", () => {
    this.CONSUME(t.OpenParen);
    this.OPTION1(() => {
      this.SUBRULE1(this.argument);
      this.MANY(() => {
        this.CONSUME1(t.Comma);
        this.SUBRULE2(this.argument);
      });
      this.OPTION2(() => this.CONSUME2(t.Comma));
    });
    this.CONSUME(t.CloseParen);
  });

  private readonly argument = this.RULE("argument", () => {
    this.OR([
      {
        ALT: () => {
          this.CONSUME1(t.DotDot);
          this.CONSUME(t.Identifier);
        },
      },
      {
        ALT: () => {
          this.CONSUME(t.ArgumentName);
          this.CONSUME(t.Equal);
          this.SUBRULE1(this.expression);
        },
      },
      {
        ALT: () => {
          this.SUBRULE2(this.expression);
          this.OPTION(() => this.CONSUME2(t.DotDot));
        },
      },
    ]);
  });

  private readonly list = this.RULE("list", () => {
    this.CONSUME(t.OpenBracket);
    this.OPTION(() => this.SUBRULE(this.expressions));
    this.CONSUME(t.CloseBracket);
  });

  private readonly expressions = this.RULE("expressions", () => {
    this.built(this.SUBRULE1(this.expression));
    this.MANY(() => {
      this.CONSUME1(t.Comma);
      this.built(this.SUBRULE2(this.expression));
    });
    this.OPTION(() => this.CONSUME2(t.Comma));
  });

  /** Builds one expression of a list, which may have hundreds of thousands of items. */
  private built(node: CstNode): void {
    if (!this.RECORDING_PHASE && this.prefixes === 0) this.trees?.expression(node as ExpressionCstNode);
  }

  private readonly group = this.RULE("group", () => {
    this.CONSUME(t.OpenParen);
    this.SUBRULE(this.expression);
    this.CONSUME(t.CloseParen);
  });

  protected readonly type = this.RULE("type", () => {
    this.CONSUME(t.Identifier);
    this.CONSUME(t.OpenBracket);
    this.OPTION(() => this.SUBRULE(this.expressions));
    this.CONSUME(t.CloseBracket);
  });
}
