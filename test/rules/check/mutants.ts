// Mutants of a rule: each differs in one place of its right side, of its condition, or in a number of its left side.

import type { Argument, Expression, RuleItem } from "#grammar/ast.js";

export interface Mutant {
  /** The change, such as `drop padding`. */
  readonly change: string;
  readonly item: RuleItem;
}

/** Swapping the operands of these ops makes no difference. */
const symmetric = new Set(["+", "*", "add", "mul", "min", "max", "==", "!="]);

export function mutantsOf(item: RuleItem): Mutant[] {
  const { patterns, replacements, where, when } = item;
  return [
    ...replacements.flatMap((one, at) =>
      [{ change: "flip the sign", made: negated(one) }, ...changes(one)].map(({ change, made }) => ({
        change,
        item: { ...item, replacements: replacements.with(at, made) },
      })),
    ),
    ...where.flatMap((binding, at) =>
      changes(binding.value).map(({ change, made }) => ({
        change: `where: ${change}`,
        item: { ...item, where: where.with(at, { ...binding, value: made }) },
      })),
    ),
    ...patterns.flatMap((one, at) =>
      changes(one)
        .filter(({ change }) => change.startsWith("number"))
        .map(({ change, made }) => ({
          change: `left: ${change}`,
          item: { ...item, patterns: patterns.with(at, made) },
        })),
    ),
    ...(when ? conditionMutants(item, when) : []),
  ];
}

/** Drops each part of a condition, and changes its numbers. Not `constant`: a rule needs it to apply, and is right without it. */
function conditionMutants(item: RuleItem, when: Expression): Mutant[] {
  const parts = conjuncts(when);
  const without = parts.flatMap((part, at) => {
    if (part.kind === "call" && part.callee.text === "constant") return [];
    const rest = parts.toSpliced(at, 1);
    const { when: _, ...bare } = item;
    const left = rest.reduce<Expression | undefined>(
      (all, one) => (all ? { kind: "binary", operator: "and", left: all, right: one, span: when.span } : one),
      undefined,
    );
    return [{ change: `drop condition ${at + 1}`, item: left ? { ...bare, when: left } : bare }];
  });
  const numbers = changes(when)
    .filter(({ change }) => change.startsWith("number"))
    .map(({ change, made }) => ({ change: `when: ${change}`, item: { ...item, when: made } }));
  return [...without, ...numbers];
}

function conjuncts(expression: Expression): Expression[] {
  return expression.kind === "binary" && expression.operator === "and"
    ? [...conjuncts(expression.left), ...conjuncts(expression.right)]
    : [expression];
}

function negated(operand: Expression): Expression {
  return { kind: "unary", operator: "-", operand, span: operand.span };
}

interface Change {
  readonly change: string;
  readonly made: Expression;
}

/** Every expression that differs from this one in one place. */
function changes(expression: Expression): Change[] {
  switch (expression.kind) {
    case "number":
      return [{ change: `number ${expression.value}`, made: { ...expression, value: expression.value + 1 } }];
    case "unary":
      return [
        { change: `drop ${expression.operator}`, made: expression.operand },
        ...changes(expression.operand).map(({ change, made }) => ({
          change,
          made: { ...expression, operand: made },
        })),
      ];
    case "binary": {
      const { operator, left, right } = expression;
      const other = ({ "+": "-", "-": "+", "*": "/", "/": "*" } as const)[operator as "+"];
      return [
        ...(other ? [{ change: `${operator} as ${other}`, made: { ...expression, operator: other } }] : []),
        ...(symmetric.has(operator) || !other
          ? []
          : [{ change: `swap ${operator}`, made: { ...expression, left: right, right: left } }]),
        ...changes(left).map(({ change, made }) => ({ change, made: { ...expression, left: made } })),
        ...changes(right).map(({ change, made }) => ({ change, made: { ...expression, right: made } })),
      ];
    }
    case "call": {
      const { callee, arguments: args } = expression;
      const [first, second] = args;
      const swaps =
        first?.kind === "positional" && second?.kind === "positional" && !symmetric.has(callee.text)
          ? [
              {
                change: `swap ${callee.text}`,
                made: { ...expression, arguments: [second, first, ...args.slice(2)] },
              },
            ]
          : [];
      return [
        ...swaps,
        ...args.flatMap((argument, at) =>
          argumentChanges(argument).map(({ change, made }) => ({
            change,
            made: { ...expression, arguments: made ? args.with(at, made) : args.toSpliced(at, 1) },
          })),
        ),
      ];
    }
    case "list":
      return expression.items.flatMap((item, at) =>
        changes(item).map(({ change, made }) => ({
          change,
          made: { ...expression, items: expression.items.with(at, made) },
        })),
      );
    default:
      return [];
  }
}

/** Leaves out a named argument, or changes its value. */
function argumentChanges(argument: Argument): { readonly change: string; readonly made?: Argument }[] {
  if (argument.kind === "rest") return [{ change: `drop ..${argument.name.text}` }];
  const inner = changes(argument.value).map(({ change, made }) => ({
    change,
    made: { ...argument, value: made },
  }));
  return argument.kind === "named" ? [{ change: `drop ${argument.name.text}` }, ...inner] : inner;
}
