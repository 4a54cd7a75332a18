// The documentation of the op table: `docs/ops.md`, and one op in plain text for `cleave ops NAME`.

import { printName } from "#grammar/printing/print-name.js";
import type { AttributeValue, OpName } from "#ir/graph.js";
import type { AttributeKind } from "#ops/attributes.js";
import { isOp, opClasses, opOf, ops } from "#ops/index.js";
import type { AttributeTable, Op, OpClass } from "#ops/op.js";
import { table } from "./table.js";

/** The chapters of the page, by op class; an op is in the first chapter that takes it. */
const chapters: readonly { readonly title: string; takes(name: OpName, op: Op<AttributeTable>): boolean }[] =
  [
    { title: "Sources", takes: (_, op) => op.operands.length === 0 },
    { title: "Convolutions and products", takes: (_, op) => hasClass(op, "convolution", "matmul") },
    {
      title: "Normalization",
      takes: (name) => ["batch_norm", "layer_norm", "group_norm", "softmax"].includes(name),
    },
    { title: "Pooling and reductions", takes: (_, op) => hasClass(op, "pooling", "reduction") },
    { title: "Activations", takes: (_, op) => hasClass(op, "activation") },
    { title: "Integers and real numbers", takes: (_, op) => op.integers === "converts" },
    {
      title: "Elementwise, one operand",
      takes: (_, op) => hasClass(op, "elementwise") && op.operands.length === 1,
    },
    {
      title: "Elementwise, two operands",
      takes: (_, op) => hasClass(op, "elementwise"),
    },
    { title: "Moving values", takes: () => true },
  ];

/** The text of `docs/ops.md`. */
export function opsDoc(): string {
  const left = new Set(names());
  const parts = chapters.flatMap(({ title, takes }) => {
    const own = [...left].filter((name) => takes(name, opOf(name)));
    for (const name of own) left.delete(name);
    return own.length === 0 ? [] : [`## ${title}`, ...own.map(section)];
  });
  return `${[introduction, classesDoc(), ...parts].join("\n\n")}\n`;
}

const introduction = `# Operators

<!-- Made from the op table in src/ops by \`npm run generate\`. -->

This page lists all operators of the language, generated from the compiler's table. Images have the shape [n, h, w, c], and the last axis
is the channel axis at every rank. A call may omit an attribute that has a default. The **layer form** of an operator declares its
parameters, whose values come from the net's weights; the other form takes tensors for all operands.`;

function classesDoc(): string {
  const rows = opClasses.map((name) => {
    const members = names().filter((op) => opOf(op).classes.includes(name));
    const list = members.map((op) => `\`${op}\``).join(" ");
    return `| \`${name}\` | ${list || "`conv2d` with a 1x1 window, stride 1, one group and no padding"} |`;
  });
  return [
    "Rules and fusions may use a class in the place of an operator:",
    ["| class | operators |", "| --- | --- |", ...rows].join("\n"),
  ].join("\n\n");
}

function section(name: OpName): string {
  return `### ${name}\n\n${opMarkdown(name)}`;
}

/** One op as Markdown: its forms, its meaning, its operands and attributes. */
export function opMarkdown(name: OpName): string {
  const op = opOf(name);
  const parts = [["```net", ...signatures(name), "```"].join("\n"), meaning(op)];
  const operands = op.operands.map((operand) => `| \`${operand.name}\` | ${cell(operandDoc(operand))} |`);
  if (operands.length > 0) parts.push(["| operand | meaning |", "| --- | --- |", ...operands].join("\n"));
  const attributes = attributeRows(op).map(
    (row) =>
      `| \`${row.name}\` | ${cell(row.expects)} | ${row.default && `\`${row.default}\``} | ${cell(row.doc)} |`,
  );
  if (attributes.length > 0)
    parts.push(
      ["| attribute | type | default | meaning |", "| --- | --- | --- | --- |", ...attributes].join("\n"),
    );
  return parts.join("\n\n");
}

/** What an op means, and what it does with integers. */
function meaning({ doc, integers }: Op<AttributeTable>): string {
  switch (integers) {
    case "moves":
      return `${doc} Takes integers of one type, which the result has too.`;
    case "sums":
      return `${doc} Of integers it gives the exact sum, i32.`;
    case "adds":
      return `${doc} Adds i32 exactly, too.`;
    default:
      return doc;
  }
}

/** One op in plain text, without a line end: its forms, its meaning, its operands and attributes. */
export function describeOp(name: string): string {
  if (!isOp(name)) return `unknown op ${name}`;
  const op = opOf(name);
  const parts = [signatures(name).join("\n"), plain(meaning(op))];
  const operands = op.operands.map((operand) => [operand.name, plain(operandDoc(operand))]);
  if (operands.length > 0) parts.push(table(["operand", "meaning"], operands, ["left", "left"]));
  const attributes = attributeRows(op).map((row) => [
    row.name,
    plain(row.expects),
    row.default,
    plain(row.doc),
  ]);
  if (attributes.length > 0)
    parts.push(
      table(["attribute", "type", "default", "meaning"], attributes, ["left", "left", "left", "left"]),
    );
  const derived = Object.keys(op.derived ?? {});
  if (derived.length > 0) parts.push(`rules may also name: ${derived.join(", ")}`);
  if (op.classes.length > 0) parts.push(`classes: ${op.classes.join(", ")}`);
  return parts.join("\n\n");
}

/** The forms of a call of the op: with tensors, then as a layer. */
function signatures(name: OpName): string[] {
  const op = opOf(name);
  if (name === "input") return ["input image: f32[N, 224, 224, 3]"];
  if (name === "constant") return ['param w: f32[3, 3, 3, 32] = weight("stem.kernel")'];
  const operands = op.operands.map((operand) => (operand.variadic ? `${operand.name}…` : operand.name));
  const forms = [call(name, operands, op.attributes)];
  if (op.layer) {
    const data = op.operands.filter((operand) => operand.role === "data").map((operand) => operand.name);
    forms.push(call(name, data, { ...op.layer.attributes, ...op.attributes }));
  }
  return forms;
}

function call(
  name: string,
  operands: readonly string[],
  attributes: Readonly<Record<string, AttributeKind<AttributeValue>>>,
): string {
  const given = Object.entries(attributes).map(([key, kind]) => `${key}=${defaultOf(kind) || "…"}`);
  // `where` is a keyword too.
  return `${printName(name)}(${[...operands, ...given].join(", ")})`;
}

interface Row {
  readonly name: string;
  readonly expects: string;
  /** Empty if the attribute is required. */
  readonly default: string;
  readonly doc: string;
}

function attributeRows(op: Op<AttributeTable>): Row[] {
  const row = ([name, kind]: [string, AttributeKind<AttributeValue>], note: string): Row => ({
    name,
    expects: kind.expects,
    default: defaultOf(kind),
    doc: kind.doc + note,
  });
  return [
    ...Object.entries(op.layer?.attributes ?? {}).map((entry) => row(entry, " (layer form)")),
    ...Object.entries(op.attributes).map((entry) => row(entry, "")),
  ];
}

function defaultOf(kind: AttributeKind<AttributeValue>): string {
  return kind.default === undefined ? "" : kind.print(kind.default);
}

function operandDoc(operand: Op["operands"][number]): string {
  const notes = [
    ...(operand.optional ? ["optional"] : []),
    ...(operand.variadic ? ["one or more"] : []),
    ...(operand.role === "weight" ? ["a parameter in the layer form"] : []),
  ];
  return notes.length === 0 ? operand.doc : `${operand.doc}; ${notes.join("; ")}`;
}

function names(): OpName[] {
  return Object.keys(ops).filter(isOp);
}

function hasClass(op: Op<AttributeTable>, ...classes: readonly OpClass[]): boolean {
  return classes.some((name) => op.classes.includes(name));
}

/** Markdown code spans as plain text. */
function plain(text: string): string {
  return text.replaceAll("`", "");
}

/** The text of a cell of a Markdown table, in which a bar must be escaped. */
function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}
