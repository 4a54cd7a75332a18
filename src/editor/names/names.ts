// All names of a file, and what is asked about them: the name at a place, all its uses, the names that a place sees.

import type { Span } from "#diagnostic/diagnostic.js";
import { given } from "#diagnostic/given.js";
import type { Ast, BlockItem, Item, Name } from "#grammar/ast.js";
import type { Collector, Definition, DefinitionKind, Names, Reference } from "./definition.js";
import { definitionOf } from "./definition.js";
import { resolveBody } from "./nets.js";
import { resolveRule } from "./rules.js";

/** All names of a file. A name has the meaning that elaboration and the rule compiler give it; unreachable code is resolved too. */
export function namesOf({ items }: Ast): Names {
  const definitions: Definition[] = [];
  const blocks = new Map<string, BlockItem>();
  const constants = new Map<string, Definition>();
  const imports = new Map<string, Definition>();
  const classes = new Map<string, Definition>();
  const blockDefinitions = new Map<string, Definition>();
  const parameters = new Map<BlockItem, ReadonlyMap<string, Definition>>();
  for (const item of items) {
    if (item.kind === "import") {
      for (const name of item.names) {
        const imported = definitionOf("import", name, item.span);
        imports.set(imported.name, imported);
        definitions.push(imported);
      }
      continue;
    }
    const definition = definitionOf(itemKinds[item.kind], item.name, item.span, {
      ...("doc" in item && item.doc !== undefined && { doc: item.doc }),
      ...(item.kind === "const" && { value: item.value }),
    });
    definitions.push(definition);
    if (item.kind === "const") constants.set(definition.name, definition);
    if (item.kind === "class") classes.set(definition.name, definition);
    if (item.kind === "rules")
      for (const { name, span } of item.rules) definitions.push(definitionOf("rule", name, span));
    if (item.kind !== "block") continue;
    blocks.set(definition.name, item);
    blockDefinitions.set(definition.name, definition);
    const own = item.parameters.map(({ name, span, doc, default: value }) =>
      definitionOf("parameter", name, span, { item, ...given({ doc, value }) }),
    );
    for (const one of own) definitions.push(one);
    parameters.set(item, new Map(own.map((one) => [one.name, one])));
  }
  const collector: Collector = {
    blocks,
    constants,
    imports,
    classes,
    definitions,
    references: [],
    blockDefinitions,
    parameters,
  };
  for (const item of items) {
    switch (item.kind) {
      case "import":
        break; // its names are defined already
      case "net":
      case "block":
      case "const":
        resolveBody(collector, item);
        break;
      case "rule":
        resolveRule(collector, item);
        break;
      case "rules":
        for (const rule of item.rules) resolveRule(collector, rule);
        break;
      case "class":
        for (const member of item.members) resolveClass(collector, member);
        break;
      case "fuse":
        // `when` has only facts.
        for (const { name } of item.links) resolveClass(collector, name);
        break;
      default:
        item satisfies never;
    }
  }
  const inOrder = (a: { readonly span: Span }, b: { readonly span: Span }): number =>
    a.span.start - b.span.start;
  return { definitions: definitions.sort(inOrder), references: collector.references.sort(inOrder) };
}

const itemKinds = {
  net: "net",
  block: "block",
  const: "constant",
  class: "class",
  rule: "rule",
  rules: "rule set",
  fuse: "fusion",
} as const satisfies Readonly<Record<Exclude<Item["kind"], "import">, DefinitionKind>>;

/** A member of a class or a link of a fusion: a class of the file, or what the language itself has. */
function resolveClass({ classes, references }: Collector, { text, span }: Name): void {
  const definition = classes.get(text);
  if (definition) references.push({ name: text, span, role: "callee", definitions: [definition] });
}

/** What stands at an offset: a definition or a reference; undefined elsewhere. The offset after the last character counts too. */
export function nameAt(
  { definitions, references }: Names,
  offset: number,
): Definition | Reference | undefined {
  return touching(references, offset) ?? touching(definitions, offset);
}

/** The definitions that a definition or a reference means. */
export function meantBy(found: Definition | Reference): readonly Definition[] {
  return "definitions" in found ? found.definitions : [found];
}

/**
 * All definitions that must have one name together with the given ones: a use with two definitions joins them. And all their uses.
 */
export function family(
  { definitions, references }: Names,
  start: readonly Definition[],
): { readonly definitions: readonly Definition[]; readonly references: readonly Reference[] } {
  const joined = new Set(start);
  const uses = new Set<Reference>();
  const own = references.filter(({ name }) => start.some((one) => one.name === name));
  for (let grown = true; grown;) {
    grown = false;
    for (const reference of own) {
      if (uses.has(reference) || !reference.definitions.some((one) => joined.has(one))) continue;
      uses.add(reference);
      for (const one of reference.definitions) joined.add(one);
      grown = true;
    }
  }
  return {
    definitions: definitions.filter((one) => joined.has(one)),
    references: references.filter((one) => uses.has(one)),
  };
}

/** The names that a statement at an offset sees, each with its last definition there; those of the file come last. */
export function visibleAt({ definitions }: Names, item: Item | undefined, offset: number): Definition[] {
  const visible = new Map<string, Definition>();
  for (const one of definitions) {
    // What `where` binds is not visible in its own value.
    const isInside = one.span.end < offset && offset <= one.whole.end;
    if (one.item !== undefined && one.item === item && one.from <= offset && !isInside)
      visible.set(one.name, one);
  }
  for (const one of definitions)
    if (["constant", "import"].includes(one.kind) && one.item === undefined && !visible.has(one.name))
      visible.set(one.name, one);
  return [...visible.values()];
}

/** The one that contains an offset or ends there, by binary search; the list is in order and without overlaps. */
function touching<T extends { readonly span: Span }>(list: readonly T[], offset: number): T | undefined {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((list[middle]?.span.start ?? Infinity) <= offset) low = middle + 1;
    else high = middle;
  }
  const found = list[low - 1];
  return found && offset <= found.span.end ? found : undefined;
}
