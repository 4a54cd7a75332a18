// Makes the types of the builder's ops from the op table: a method for each op, with its operands and attributes.

import type { AttributeValue, OpName } from "#ir/graph.js";
import type { AttributeKind } from "#ops/attributes.js";
import { opNames, opOf } from "#ops/index.js";

const head = `// The ops as methods of the builder's values. Made from the op table in src/ops by \`npm run generate\`.

import type { Operand, Value } from "./net.js";

/** What every call may say besides attributes. */
interface Named {
  /** The name of the result; parameters of layers are looked up under it. */
  readonly name?: string;
}
`;

type Kinds = readonly (readonly [string, AttributeKind<AttributeValue>])[];

/** The text of `src/build/op-calls.ts`. */
export function opCallsText(): string {
  const names = opNames.filter((name) => name !== "input" && name !== "constant");
  return [
    head,
    ...names.flatMap(attributesOf),
    "/** A method for each op; the value is the first operand. Attributes come last. */",
    "export interface OpCalls {",
    ...names.map(methodOf),
    "}\n",
  ].join("\n");
}

/** The interfaces of the attributes of an op: of its explicit form, and of its layer form. */
function attributesOf(name: OpName): string[] {
  const own = Object.entries(opOf(name).attributes);
  const layer = Object.entries(opOf(name).layer?.attributes ?? {});
  return [
    ...(own.length > 0 ? [interfaceOf(typeName(name, "Attributes"), "Named", own)] : []),
    ...(layer.length > 0 ? [interfaceOf(typeName(name, "Layer"), typeOfAttributes(name), layer)] : []),
  ];
}

function interfaceOf(name: string, base: string, kinds: Kinds): string {
  return `interface ${name} extends ${base} {\n${kinds.map(field).join("")}}\n`;
}

function typeOfAttributes(name: OpName): string {
  return Object.keys(opOf(name).attributes).length > 0 ? typeName(name, "Attributes") : "Named";
}

/** `Conv2dLayer` of `conv2d`. */
function typeName(op: OpName, ending: string): string {
  return `${op.replaceAll(/(?:^|_)(\w)/g, (_, letter: string) => letter.toUpperCase())}${ending}`;
}

function methodOf(name: OpName): string {
  const op = opOf(name);
  const [, ...others] = op.operands;
  const isVariadic = op.operands.at(-1)?.variadic ?? false;
  const own = typeOfAttributes(name);
  const layer = Object.keys(op.layer?.attributes ?? {}).length > 0 ? typeName(name, "Layer") : own;
  const forms = [
    ...(op.layer ? [[optional([...entries(op.layer.attributes), ...entries(op.attributes)], layer)]] : []),
    ...explicitForms(name).map((operands) => [
      ...operands,
      // Nothing behind a rest may be optional.
      isVariadic ? `attributes: ${own}` : optional(entries(op.attributes), own),
    ]),
  ].map((parts) => `[${parts.join(", ")}]`);
  if (isVariadic) forms.push("[...xs: readonly Operand[]]");
  const doc = [safe(op.doc), ...others.map((operand) => `@param ${operand.name} ${safe(operand.doc)}`)];
  const unique = [...new Set(forms)];
  const rest =
    unique.length === 1
      ? `...rest: ${unique[0]}`
      : `\n    ...rest:\n${unique.map((one) => `      | ${one}\n`).join("")}  `;
  return `  /**\n${doc.map((line) => `   * ${line}\n`).join("")}   */\n  ${name}(${rest}): Value;`;
}

/** The operands after the first; optional ones may be left out from the end on. */
function explicitForms(name: OpName): string[][] {
  const [, ...others] = opOf(name).operands;
  if (opOf(name).operands.at(-1)?.variadic) return [["...xs: readonly Operand[]"]];
  const least = others.filter((one) => !one.optional).length;
  return Array.from({ length: others.length - least + 1 }, (_, more) =>
    others.slice(0, least + more).map((one) => `${one.name}: Operand`),
  );
}

/** The last part: attributes, which may be left out if all have defaults. */
function optional(kinds: Kinds, type: string): string {
  return `attributes${kinds.some(([, kind]) => kind.default === undefined) ? "" : "?"}: ${type}`;
}

function entries(kinds: Readonly<Record<string, AttributeKind<AttributeValue>>>): Kinds {
  return Object.entries(kinds);
}

function field([name, kind]: readonly [string, AttributeKind<AttributeValue>]): string {
  const preset = kind.default === undefined ? "" : `; ${kind.print(kind.default)} by default`;
  const isOptional = kind.default !== undefined;
  return `  /** ${safe(kind.doc)}${safe(preset)} */\n  readonly ${name}${isOptional ? "?" : ""}: ${kind.given};\n`;
}

/** A text inside a comment. */
function safe(text: string): string {
  return text.replaceAll("*/", "*\\/").replaceAll("\n", " ");
}
