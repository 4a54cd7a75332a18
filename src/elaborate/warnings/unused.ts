// Warnings about what a text defines and never uses, and about names that hide consts.

import type { Ast, Expression, Item, Name, NetItem, Statement } from "#grammar/ast.js";
import type { Diagnostic, Span } from "#diagnostic/diagnostic.js";
import { warning } from "#diagnostic/diagnostic.js";
import { writeInstead } from "#diagnostic/suggest.js";
import { printName } from "#grammar/printing/print-name.js";
import type { Site } from "./uses.js";
import { usesOf } from "./uses.js";

/** The warnings about a text, and the statements that they are about or that say `_`: a layer in them is known to be unused. */
export interface Unused {
  readonly warnings: readonly Diagnostic[];
  /** Undefined for a dump. */
  readonly known?: readonly Span[];
}

/**
 * The warnings about a net, and about the blocks and consts of its file. A name that begins with `_` is unused on purpose. A dump has no
 * warnings: it shows what a graph has.
 */
export function unusedOf(ast: Ast, net: NetItem): Unused {
  // What is missing may have used something.
  if (isDump(net) || ast.incomplete) return { warnings: [] };
  const { sites, free } = usesOf(ast.items);
  const checked = ast.items.filter((item) => item === net || item.kind === "block");
  const own = checked.flatMap((item) => sites.get(item) ?? []);
  const unused = own.filter(({ used }) => !used);
  return {
    warnings: [
      ...unused.filter(({ name }) => !isSilent(name.text)).map(unusedSite),
      ...ast.items.flatMap((item) => unusedNames(item, free)),
      ...own.flatMap((site) => hidden(ast.items, site)),
    ],
    known: unused.filter(({ kind }) => kind !== "parameter").map(({ of }) => of.span),
  };
}

function isSilent(name: string): boolean {
  return name.startsWith("_");
}

/** A name that begins with `_` says that it is unused on purpose. The new name may be the key of a weight, or known outside the file. */
function silence({ text }: Name): string {
  return `remove it, or name it \`${printName(`_${text}`)}\` if that is intended`;
}

function unusedSite({ kind, name, of }: Site): Diagnostic {
  const { text, span } = name;
  switch (kind) {
    case "binding":
    case "const":
      return warning("unused-binding", `\`${text}\` is never used`, { span, help: [silence(name)] });
    case "param":
      return warning("unused-binding", `parameter \`${text}\` is never used`, {
        span,
        help: [silence(name)],
      });
    case "index":
      return warning("unused-binding", `the index \`${text}\` is never used`, {
        span,
        help: [`omit \`as ${text}\``],
      });
    case "input":
      return warning("unused-input", `input \`${text}\` is never used`, {
        span,
        help: [silence(name)],
      });
    case "parameter":
      return warning(
        "unused-parameter",
        `${of.kind === "block" ? `block \`${of.name.text}\`` : "a block"} never uses its parameter \`${text}\``,
        {
          span,
          help: [silence(name)],
        },
      );
    default:
      return kind satisfies never;
  }
}

/** The names of an item that nothing in the file uses. */
function unusedNames(item: Item, free: ReadonlySet<string>): Diagnostic[] {
  const isUnused = (name: Name): boolean => !free.has(name.text) && !isSilent(name.text);
  if (item.kind === "import")
    return item.names.filter(isUnused).map(({ text, span }) =>
      warning("unused-import", `\`${text}\` is imported and never used`, {
        span,
        help: ["remove it from the `import`"],
      }),
    );
  if ((item.kind !== "block" && item.kind !== "const") || !isUnused(item.name)) return [];
  const { text, span } = item.name;
  const advice = writeInstead(printName(`_${text}`), span, silence(item.name));
  const message = `${item.kind} \`${text}\` is never used in this file`;
  return [warning(item.kind === "block" ? "unused-block" : "unused-const", message, { span, ...advice })];
}

/** A parameter of a block, or an index, that hides a const of the file: the body may mean the const. */
function hidden(items: readonly Item[], { kind, name }: Site): Diagnostic[] {
  if (kind !== "parameter" && kind !== "index") return [];
  const consts = items.flatMap((item) => (item.kind === "const" ? [item.name] : []));
  const found = consts.find(({ text }) => text === name.text);
  if (!found || isSilent(name.text)) return [];
  const what = kind === "parameter" ? "parameter" : "index";
  return [
    warning("hidden-const", `the ${what} \`${name.text}\` hides a const of the file`, {
      span: name.span,
      others: [{ span: found.span, message: "the const" }],
      help: ["give one of them another name"],
    }),
  ];
}

/** Whether a net has the form of a dump: one op in each binding, with names and numbers as operands, and weights as parameters. */
function isDump({ body }: NetItem): boolean {
  const isKernelOrParam = (statement: Statement): boolean =>
    statement.kind === "kernel" || statement.kind === "param";
  const isOther = (statement: Statement): boolean =>
    statement.kind === "bind" && (statement.name.quoted === true || statement.name.text.includes("."));
  return body.every(isFlat) && body.some((statement) => isKernelOrParam(statement) || isOther(statement));
}

function isFlat(statement: Statement): boolean {
  switch (statement.kind) {
    case "weights":
    case "input":
    case "param":
      return true;
    case "kernel":
      return statement.body.every(isFlat);
    case "bind":
      return isFlatCall(statement.value);
    case "output":
      return statement.outputs.every(({ value }) => !value || value.kind === "name");
    default:
      return false;
  }
}

function isFlatCall(value: Expression): boolean {
  if (value.kind !== "call") return false;
  return value.arguments.every((argument) => {
    if (argument.kind !== "positional") return argument.kind === "named";
    const { kind } = argument.value;
    return kind === "name" || kind === "number" || kind === "unary";
  });
}
