// Says in words what is different where a rule nearly matches.

import type { Span } from "#diagnostic/diagnostic.js";
import type { AttributeValue, Node, OpName } from "#ir/graph.js";
import { printType } from "#ir/type.js";
import { plural } from "#ir/units.js";
import { opClasses, opOf } from "#ops/index.js";
import type { Rule } from "#rewrite/rule/rule.js";
import type { Miss } from "#rewrite/rule/match.js";
import type { Difference } from "#rewrite/rule/near.js";

type TextOf = (span: Span) => string | undefined;

/** One sentence about a difference. `textOf` gives the text of a part of the rule. */
export function differenceText(difference: Difference, rule: Rule, textOf: TextOf): string {
  const { node } = difference;
  switch (difference.kind) {
    case "op":
      return `${valueOf(node)}, where the rule has ${opsText(difference.expected)}${partOf(difference.span, textOf)}`;
    case "pointwise":
      return `${valueOf(node)} is not pointwise${partOf(difference.span, textOf)}`;
    case "operands":
      return `${valueOf(node)} has ${plural(node.inputs.length, "operand")}, and the rule ${difference.expected}${partOf(difference.span, textOf)}`;
    case "left-out":
      return `the operand \`${difference.operand}\` is ${valueOf(node)}; the rule leaves it out, which means zeros${partOf(difference.span, textOf)}`;
    case "attribute": {
      const { key, expected, found } = difference;
      const has = `${valueOf(node)} has ${key}=${attributeText(node.op, key, found)}`;
      if (expected === undefined)
        return `${has}, which does not fit the rule${partOf(difference.span, textOf)}`;
      return `${has}, and the rule ${key}=${attributeText(node.op, key, expected)}${partOf(difference.span, textOf)}`;
    }
    case "rest":
      return `the other attributes of ${valueOf(node)} differ from those that \`..${difference.name}\` stands for already`;
    case "variable":
      return `\`${difference.name}\` is ${valueOf(difference.before)} already, and here ${valueOf(node)}`;
    case "number": {
      const { expected, found } = difference;
      const is = found === undefined ? "is not a constant of one number" : `is ${found}`;
      return `${valueOf(node)} ${is}, where the rule has ${expected}`;
    }
    case "term":
      return `no value matches the further term${partOf(difference.span, textOf)}`;
    case "miss":
      return missText(difference.miss, rule, textOf);
    default:
      return difference satisfies never;
  }
}

function missText(miss: Miss, rule: Rule, textOf: TextOf): string {
  switch (miss.kind) {
    case "kernel":
      return `the left side matches, but ${valueOf(miss.node)} is in another kernel`;
    case "use": {
      const by = miss.reader ? `also read by ${valueOf(miss.reader)}` : "an output of the net";
      return `the left side matches, but ${valueOf(miss.node)} inside it is ${by}; \`when shared\` allows that`;
    }
    case "where": {
      const span = rule.values.find(({ name }) => name === miss.name)?.span;
      return `the left side matches, but \`${miss.name}\` of \`where\` has no value${span ? partOf(span, textOf) : ""}`;
    }
    case "condition": {
      const { condition, match } = miss;
      const values = condition.terms.map(({ span, compute }) => {
        const name = textOf(span);
        return name === undefined ? undefined : `\`${name}\` is ${computed(compute(match))}`;
      });
      const known = [...new Set(values.filter((one) => one !== undefined))].filter(
        (one) => one !== `\`${textOf(condition.span)}\` is false`,
      );
      const part = textOf(condition.span);
      return `the left side matches, but ${part === undefined ? "its `when`" : `\`${part}\``} does not hold${known.length > 0 ? `: ${known.join(", ")}` : ""}`;
    }
    case "misfit":
      return "the left side matches, but the operands or attributes of the right side do not fit together";
    case "type":
      return `the left side matches, but its type is ${printType(miss.root.type)}, and that of the right side ${printType(miss.right)}`;
    case "same":
      return "the left side matches, but the right side would be the same";
    case "cycle":
      return "the left side matches, but the right side would read a value that depends on one that the rule replaces";
    default:
      return miss satisfies never;
  }
}

/** `y` (conv2d), the input `x`, the constant `w`. */
function valueOf({ name, op }: Node): string {
  return op === "input" || op === "constant" ? `the ${op} \`${name}\`` : `\`${name}\` (${op})`;
}

/** The name of an op, or of a class by its members. */
function opsText(ops: readonly OpName[]): string {
  const [only] = ops;
  if (ops.length === 1 && only) return only;
  const name = opClasses.find((one) => ops.every((op) => opOf(op).classes.includes(one)));
  if (name !== undefined && ops.length > 3) return `an op of the class ${name}`;
  return ops.length > 4 ? `${ops.slice(0, 4).join(", ")} or another op` : ops.join(" or ");
}

function attributeText(op: OpName, key: string, value: AttributeValue | undefined): string {
  if (value === undefined) return "nothing";
  const kind = opOf(op).attributes[key];
  return kind ? kind.print(value) : computed(value);
}

function computed(value: AttributeValue | undefined): string {
  if (value === undefined) return "without a value";
  return typeof value === "object" ? `[${value.join(", ")}]` : String(value);
}

/** The most characters of a rule that are quoted. */
const mostQuoted = 60;

function partOf(span: Span, textOf: TextOf): string {
  const text = textOf(span);
  if (text === undefined) return "";
  return ` (\`${text.length > mostQuoted ? `${text.slice(0, mostQuoted)}…` : text}\`)`;
}
