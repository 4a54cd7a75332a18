// Checks nets and blocks before elaboration: names, and misplaced statements.

import type { Ast, BlockItem, Item, Name, NetItem, Statement } from "#grammar/ast.js";
import type { Diagnostic, Span } from "#diagnostic/diagnostic.js";
import { error } from "#diagnostic/diagnostic.js";
import { isOp, isOpClass } from "#ops/index.js";
import { isReserved } from "./literals.js";

/** Reports repeated names, blocks that shadow ops or do not end in one `return`, and misplaced statements. */
export function checkItems(ast: Ast): Diagnostic[] {
  return [...checkNames(ast.items), ...ast.items.flatMap(checkItem)];
}

function checkNames(items: readonly Item[]): Diagnostic[] {
  const found: Diagnostic[] = [];
  const seen = new Map<string, Span>();
  for (const item of items) {
    if (item.kind !== "block" && item.kind !== "net" && item.kind !== "const") continue;
    const key = `${item.kind} ${item.name.text}`;
    const first = seen.get(key);
    if (first) found.push(repeated(`there are two ${item.kind}s`, item.name, first));
    else seen.set(key, item.name.span);
  }
  return found;
}

function checkItem(item: Item): Diagnostic[] {
  if (item.kind === "net") return checkBody(item);
  return item.kind === "block" ? [...checkBlock(item), ...checkBody(item)] : [];
}

function checkBlock(block: BlockItem): Diagnostic[] {
  const { text, span } = block.name;
  const found: Diagnostic[] = [];
  if (isOp(text) || isOpClass(text)) {
    const what = isOp(text) ? "an op" : "a class of ops";
    found.push(
      error("shadowed-op", `block \`${text}\` has the name of ${what}`, {
        span,
        help: ["give it another name"],
      }),
    );
  }
  const returns = block.body.filter((statement) => statement.kind === "return");
  if (returns.length !== 1 || block.body.at(-1)?.kind !== "return") {
    found.push(
      error("no-return", `block \`${text}\` must end in one \`return\``, {
        span: returns[1]?.span ?? span,
        label: returns[1] ? "a second one" : returns[0] ? "statements follow it" : "it has none",
      }),
    );
  }
  const seen = new Map<string, Span>();
  for (const { name } of block.parameters) {
    const first = seen.get(name.text);
    if (first) found.push(repeated(`block \`${text}\` has two parameters`, name, first));
    else seen.set(name.text, name.span);
    if (isReserved(name)) found.push(reserved(name));
  }
  return found;
}

/** The message about binding the name of a literal. */
export function reserved(name: Name): Diagnostic {
  return error("reserved-name", `\`${name.text}\` is a literal and cannot be bound`, {
    span: name.span,
    help: [`choose another name, or always write this one in backticks`],
  });
}

function repeated(what: string, name: Name, first: Span): Diagnostic {
  return error("repeated-name", `${what} \`${name.text}\``, {
    span: name.span,
    others: [{ span: first, message: "first here" }],
  });
}

const onlyInNets: ReadonlySet<Statement["kind"]> = new Set(["weights", "input", "output", "kernel"]);
const onlyOnTop: ReadonlySet<Statement["kind"]> = new Set(["weights", "input", "output", "return"]);

function checkBody(item: NetItem | BlockItem): Diagnostic[] {
  const found: Diagnostic[] = [];
  const misplaced = (statement: Statement, message: string): void => {
    found.push(error("misplaced-statement", message, { span: statement.span }));
  };
  const walk = (body: readonly Statement[], inside: Statement["kind"] | undefined): void => {
    for (const statement of body) {
      const { kind } = statement;
      if (item.kind === "net" && kind === "return")
        misplaced(statement, "`return` ends a block; a net has `output`");
      else if (item.kind === "block" && onlyInNets.has(kind))
        misplaced(statement, `\`${kind}\` belongs in a net, not in a block`);
      else if (inside && onlyOnTop.has(kind))
        misplaced(statement, `\`${kind}\` is not allowed inside \`${inside}\``);
      else if (inside === "kernel" && kind !== "bind")
        misplaced(statement, `a \`kernel\` contains bindings, not \`${kind}\``);
      else if (kind === "kernel" && inside === "repeat")
        misplaced(statement, "a `kernel` is not allowed inside `repeat`, which would copy it");
      if (statement.kind === "repeat" || statement.kind === "kernel") walk(statement.body, statement.kind);
    }
  };
  walk(item.body, undefined);
  return found;
}
