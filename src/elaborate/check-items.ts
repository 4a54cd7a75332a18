// Checks nets and blocks before elaboration: names, and misplaced statements.

import type { Ast, BlockItem, Item, Name, NetItem, Statement } from "#grammar/ast.js";
import type { Diagnostic, Span } from "#diagnostic/diagnostic.js";
import { error } from "#diagnostic/diagnostic.js";
import { isOp, isOpClass } from "#ops/index.js";
import { isReserved } from "./literals.js";
import { alwaysReturn, bodiesOf, mayReturn } from "./returns.js";

/** Reports repeated names, blocks that shadow ops or do not end in one `return`, and misplaced statements. */
export function checkItems(ast: Ast): Diagnostic[] {
  const whole = ast.items.filter((item) => item.kind === "import" || !ast.incomplete?.has(item.name.text));
  return [...checkNames(ast.items), ...whole.flatMap(checkItem)];
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
  if (!alwaysReturn(block.body)) {
    const some = block.body.some(mayReturn);
    found.push(
      error("no-return", `block \`${text}\` must end in a \`return\``, {
        span,
        label: some ? "not all ways through it return" : "it has none",
        ...(some && { help: ["end it with `return`, or return in all branches and in `else`"] }),
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
const notInside: Readonly<Record<"repeat" | "kernel" | "if", ReadonlySet<Statement["kind"]>>> = {
  repeat: new Set(["weights", "input", "output", "return"]),
  kernel: new Set(["weights", "input", "output", "return"]),
  if: new Set(["weights"]),
};

function checkBody(item: NetItem | BlockItem): Diagnostic[] {
  const found: Diagnostic[] = [];
  const misplaced = (statement: Statement, message: string): void => {
    found.push(error("misplaced-statement", message, { span: statement.span }));
  };
  const walk = (
    body: readonly Statement[],
    inside: keyof typeof notInside | undefined,
    isRepeated: boolean,
  ): void => {
    for (const [index, statement] of body.entries()) {
      const { kind } = statement;
      const before = body[index - 1];
      if (item.kind === "net" && kind === "return")
        misplaced(statement, "`return` ends a block; a net has `output`");
      else if (item.kind === "block" && onlyInNets.has(kind))
        misplaced(statement, `\`${kind}\` belongs in a net, not in a block`);
      else if (inside && notInside[inside].has(kind))
        misplaced(statement, `\`${kind}\` is not allowed inside \`${inside}\``);
      else if (inside === "kernel" && kind !== "bind")
        misplaced(statement, `a \`kernel\` contains bindings, not \`${kind}\``);
      else if (isRepeated && notInside.repeat.has(kind))
        misplaced(statement, `\`${kind}\` is not allowed inside \`repeat\``);
      else if (kind === "kernel" && isRepeated)
        misplaced(statement, "a `kernel` is not allowed inside `repeat`, which would copy it");
      else if (item.kind === "block" && before && alwaysReturn([before]))
        misplaced(statement, "statements after a `return` never run");
      if (statement.kind === "repeat") walk(statement.body, "repeat", true);
      if (statement.kind === "kernel") walk(statement.body, "kernel", isRepeated);
      if (statement.kind === "if") for (const inner of bodiesOf(statement)) walk(inner, "if", isRepeated);
    }
  };
  walk(item.body, undefined, false);
  return found;
}
