// The arguments of an op: sorts them into operands, attributes and attributes of the layer form, and checks them.

import { given } from "#diagnostic/given.js";
import { ownEntry } from "#diagnostic/own-entry.js";
import type { Span } from "#diagnostic/diagnostic.js";
import type { Name } from "#grammar/ast.js";
import { printArgumentName } from "#grammar/printing/print-name.js";
import { didYouMean, meant, meantOr } from "#diagnostic/suggest.js";
import type { AttributeValue, OpName } from "#ir/graph.js";
import type { AttributeKind } from "#ops/attributes.js";
import { opOf } from "#ops/index.js";
import type { AttributeTable, Op } from "#ops/op.js";
import type { Elaboration } from "../elaboration.js";
import { describe, fail } from "../elaboration.js";
import type { Given } from "../expression-value.js";
import { literalOfValue } from "../expression-value.js";

type Attributes = Readonly<Record<string, AttributeValue>>;

/** The arguments of a call, sorted. */
export interface Sorted {
  readonly operands: ReadonlyMap<number, Given>;
  /** Complete, with defaults for those not given. */
  readonly attributes: Attributes;
  /** Attributes of the layer form; only those given. */
  readonly layer: Attributes;
  /** The places of named arguments. */
  readonly spans: ReadonlyMap<string, Span>;
  /** The value of `name="stem"`. */
  readonly segment?: string;
}

/** Sorts arguments; undefined after an error. */
export function sortArguments(
  state: Elaboration,
  name: OpName,
  written: readonly Given[],
  span: Span,
): Sorted | undefined {
  const op = opOf(name);
  const operands = new Map<number, Given>();
  const attributes: Record<string, AttributeValue> = {};
  const layer: Record<string, AttributeValue> = {};
  const spans = new Map<string, Span>();
  const failures = state.failures;
  let segment: string | undefined;
  let position = 0;
  for (const argument of written) {
    const key = argument.name?.text;
    if (key === undefined || !argument.name) {
      const index = position++;
      if (index < op.operands.length || op.operands.at(-1)?.variadic) operands.set(index, argument);
      else if (index === op.operands.length) tooMany(state, name, op, argument.span);
      continue;
    }
    const at = op.operands.findIndex((one) => one.name === key);
    const kind = ownEntry(op.attributes, key) ?? ownEntry(op.layer?.attributes, key);
    const seen = spans.get(key) ?? operands.get(at)?.span;
    if (seen) {
      fail(state, argument.span, "repeated-argument", `\`${key}\` is given twice`, {
        others: [{ span: seen, message: "first here" }],
      });
      continue;
    }
    spans.set(key, argument.span);
    if (at >= 0) operands.set(at, argument);
    else if (kind) {
      const value = attributeValue(state, name, key, kind, argument);
      if (value !== undefined) (Object.hasOwn(op.attributes, key) ? attributes : layer)[key] = value;
    } else if (key === "name") segment = segmentOf(state, argument);
    else unknownArgument(state, name, op, argument.name, argument.span);
  }
  for (const [key, kind] of Object.entries(op.attributes)) {
    if (spans.has(key)) continue;
    if (kind.default === undefined) missingAttribute(state, name, key, kind, span);
    else attributes[key] = kind.default;
  }
  if (state.failures > failures) return undefined;
  return { operands, attributes, layer, spans, ...given({ segment }) };
}

/** The message about a missing attribute without a default. */
export function missingAttribute(
  state: Elaboration,
  name: string,
  key: string,
  kind: AttributeKind<AttributeValue>,
  span: Span,
): void {
  fail(state, span, "missing-attribute", `\`${name}\` needs \`${key}\`: ${kind.expects}`, {
    label: `\`${key}\` is missing`,
  });
}

/** The value of an attribute; undefined after an error. */
function attributeValue(
  state: Elaboration,
  op: string,
  key: string,
  kind: AttributeKind<AttributeValue>,
  argument: Given,
): AttributeValue | undefined {
  const { value, span } = argument;
  if (value.kind === "none") return undefined;
  const literal = literalOfValue(value);
  const parsed = literal && kind.parse(literal);
  if (parsed !== undefined) return parsed;
  const members = kind.members ?? [];
  const isQuoted = value.kind === "string" && members.includes(value.value);
  const help = isQuoted
    ? [`write it without quotes: \`${value.value}\``]
    : value.kind === "name"
      ? didYouMean(value.value, members)
      : [];
  fail(
    state,
    span,
    "wrong-attribute",
    `\`${key}\` of \`${op}\` must be ${kind.expects}, not ${describe(state, value)}`,
    {
      help,
    },
  );
  return undefined;
}

function segmentOf(state: Elaboration, { value, span }: Given): string | undefined {
  if (value.kind === "string") return value.value;
  fail(state, span, "wrong-attribute", `\`name\` must be a string, not ${describe(state, value)}`);
  return undefined;
}

function tooMany(state: Elaboration, name: string, op: Op<AttributeTable>, span: Span): void {
  const takes = op.operands.length === 1 ? "one operand" : `${op.operands.length} operands`;
  const names = op.operands.map((one) => one.name).join(", ");
  fail(state, span, "too-many-operands", `\`${name}\` takes ${takes}: ${names}`, {
    help: ["attributes are written name=value"],
  });
}

function unknownArgument(
  state: Elaboration,
  name: string,
  op: Op<AttributeTable>,
  key: Name,
  span: Span,
): void {
  const attributes = [...Object.keys(op.attributes), ...Object.keys(op.layer?.attributes ?? {})];
  const known = [...attributes, ...op.operands.map((one) => one.name)];
  fail(state, span, "unknown-attribute", `\`${name}\` has no attribute \`${key.text}\``, {
    ...meantOr(
      meant(key.text, known, key.span, printArgumentName),
      attributes.length > 0 ? `it has ${attributes.join(", ")}` : "it has none",
    ),
  });
}
