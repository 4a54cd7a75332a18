// Describes the names of a file in Markdown: their values, shapes and costs, the heads of blocks, comments above items.

import type { BlockItem, ConstItem, Item } from "#grammar/ast.js";
import { printName } from "#grammar/printing/print-name.js";
import { countText, numberText } from "#ir/units.js";
import { printType } from "#ir/type.js";
import type { Analysis } from "./analysis.js";
import type { Value, Values } from "./facts.js";
import type { Definition } from "./names/definition.js";
import { codeBlock } from "./vocabulary.js";

/** Most different values of a name that are shown. */
const shownValues = 4;

/** A name with all that is known about it. */
export function describeDefinition(analysis: Analysis, definition: Definition): string {
  if (definition.kind === "import") return describeImport(analysis, definition);
  const item = itemOf(analysis, definition);
  const values = analysis.values().values.get(definition.span.start);
  const parts = [codeBlock(headOf(analysis, definition, item, values))];
  if (definition.doc !== undefined) parts.push(definition.doc);
  const costs = costText(values);
  if (costs !== "") parts.push(costs);
  return parts.join("\n\n");
}

function describeImport(analysis: Analysis, { name, span }: Definition): string {
  const imported = analysis.imports().get(name);
  if (!imported) return codeBlock(`import ${printName(name)}`);
  const value = valueText(analysis.values().values.get(span.start));
  return describeItem(imported.item, imported.text, value);
}

/** A block or a const of another file, whose text is given; `value` is what is known about it. */
export function describeItem(item: BlockItem | ConstItem, text: string, value = ""): string {
  const { name, span, doc } = item;
  const head = item.kind === "block" ? blockHead(item, text) : text.slice(span.start, span.end);
  return [
    codeBlock(item.kind === "block" || value === "" ? head : `const ${printName(name.text)} = ${value}`),
    ...(doc === undefined ? [] : [doc]),
  ].join("\n\n");
}

/** The types of a name, or its values if they are known: `f32[1, 8, 8, 16]`. Empty if nothing is known. */
export function valueText(values: Values | undefined): string {
  const texts = [...new Set((values?.some ?? []).map(textOf).filter((text) => text !== ""))];
  const rest = texts.length - shownValues;
  return `${texts.slice(0, shownValues).join(" | ")}${rest > 0 ? ` | ${rest} more` : ""}`;
}

/** `block stage(x, filters, stride=1)`. */
function blockHead({ name, parameters }: BlockItem, text: string): string {
  return `block ${printName(name.text)}(${parameters.map(({ span }) => text.slice(span.start, span.end)).join(", ")})`;
}

function itemOf(analysis: Analysis, { item, span }: Definition): Item | undefined {
  if (item) return undefined;
  return analysis.tree().ast.items.find((one) => one.kind !== "import" && one.name.span.start === span.start);
}

function headOf(
  { text }: Analysis,
  { kind, name }: Definition,
  item: Item | undefined,
  values: Values | undefined,
): string {
  const written = printName(name);
  const value = valueText(values);
  const typed = value === "" ? written : `${written}: ${value}`;
  switch (kind) {
    case "import":
      return `import ${written}`;
    case "block":
      return item?.kind === "block" ? blockHead(item, text) : `block ${written}`;
    case "net":
    case "rule":
    case "kernel":
    case "input":
    case "param":
      return `${kind} ${typed}`;
    case "rule set":
      return `rules ${written}`;
    case "class":
      return item ? text.slice(item.span.start, item.span.end) : `class ${written}`;
    case "fusion":
      return `fuse ${written}`;
    case "constant":
      return value === "" ? `const ${written}` : `const ${written} = ${value}`;
    case "parameter":
      return `(parameter) ${typed}`;
    case "index":
      return `(index of a repeat) ${typed}`;
    case "dimension":
      return `(dimension) ${written}`;
    case "value":
      return typed;
    case "variable":
      return `(variable) ${written}`;
    case "operator":
      return `(op of the left side) ${written}`;
    case "rest":
      return `(rest of the attributes) ..${written}`;
    default:
      return kind satisfies never;
  }
}

function textOf({ type, known }: Value): string {
  return type ? printType(type) : (known ?? "");
}

/** The costs of a binding: those of all its runs together. */
function costText(values: Values | undefined): string {
  if (!values) return "";
  const costs = values.some.flatMap(({ cost }) => (cost ? [cost()] : []));
  const parameters = costs.reduce((sum, one) => sum + one.parameters, 0);
  const macs = costs.reduce((sum, one) => sum + one.macs, 0);
  const parts = [
    ...(parameters > 0 ? [`${numberText(parameters)} parameters`] : []),
    ...(macs > 0 ? [`${countText(macs)} MACs`] : []),
  ];
  if (parts.length === 0) return "";
  const runs = values.count > 1 ? `, in ${numberText(values.count)} copies` : "";
  const some = values.count > values.some.length ? ` (the first ${values.some.length})` : "";
  return `${parts.join(", ")}${runs}${some}`;
}
