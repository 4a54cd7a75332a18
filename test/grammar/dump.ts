// Prints a tree with all parentheses and without spans, independently of the printer, for tests of reading.

import type { Argument, Expression, Item, Name, Statement, TypeExpression } from "#grammar/ast.js";

/** One line for each statement; expressions in prefix form, as `(+ a (* b c))`. */
export function dump(items: readonly Item[]): string {
  return items.map((item) => dumpItem(item)).join("\n");
}

function dumpItem(item: Item): string {
  if (item.kind === "import")
    return `import ${item.names.map(({ text }) => text).join(" ")} from ${JSON.stringify(item.path.value)}`;
  const { name } = item;
  switch (item.kind) {
    case "const":
      return `const ${name.text} ${expression(item.value)}`;
    case "net":
      return `net ${name.text}${body(item.body)}`;
    case "block": {
      const parameters = item.parameters.map(
        (parameter) => parameter.name.text + (parameter.default ? `=${expression(parameter.default)}` : ""),
      );
      return `block ${name.text} (${parameters.join(" ")})${body(item.body)}`;
    }
    case "rule": {
      const approx = item.approx ? `approx ${expression(item.approx)} ` : "";
      const where = item.where.map(
        (binding) => `\n  where ${binding.name.text} ${expression(binding.value)}`,
      );
      const when = item.when ? `\n  when ${expression(item.when)}` : "";
      const benefit = item.benefit ? `benefit ${expression(item.benefit)} ` : "";
      const sides = [item.patterns, item.replacements].map((side) => `\n  ${side.map(expression).join(" ")}`);
      return `rule ${approx}${benefit}${name.text}${sides.join("")}${where.join("")}${when}`;
    }
    case "rules": {
      const place = item.place ? ` ${item.place.side} ${item.place.pass.text}` : "";
      const rules = item.rules.map((rule) => `\n  ${dumpItem(rule).replaceAll("\n", "\n  ")}`);
      return `rules ${name.text}${place}${rules.join("")}`;
    }
    case "class":
      return `class ${name.text} ${item.members.map((member) => member.text).join(" ")}`;
    case "fuse": {
      const steps = item.links.map((step) => step.name.text + (step.repeat === "one" ? "" : step.repeat));
      return `fuse ${name.text} ${steps.join(" ")}${item.when ? ` when ${expression(item.when)}` : ""}`;
    }
  }
}

function body(statements: readonly Statement[]): string {
  return statements.map((statement) => `\n  ${dumpStatement(statement).replaceAll("\n", "\n  ")}`).join("");
}

function dumpStatement(s: Statement): string {
  switch (s.kind) {
    case "weights":
      return `weights ${JSON.stringify(s.path.value)}`;
    case "input":
      return `input ${s.name.text} ${type(s.type)}`;
    case "param":
      return `param ${s.name.text} ${type(s.type)}${s.value ? ` ${expression(s.value)}` : ""}`;
    case "const":
      return dumpItem(s);
    case "bind":
      return `${target(s)} = ${expression(s.value)}`;
    case "unpack":
      return `${s.targets.map(target).join(" , ")} = ${expression(s.value)}`;
    case "if": {
      const branches = s.branches.map((one) => `if ${expression(one.condition)}${body(one.body.statements)}`);
      return [...branches, ...(s.otherwise ? [`else${body(s.otherwise.statements)}`] : [])].join("\n");
    }
    case "assert":
      return `assert ${expression(s.condition)}${s.message ? ` ${expression(s.message)}` : ""}`;
    case "repeat":
      return `repeat ${expression(s.count)}${s.index ? ` as ${s.index.text}` : ""}${body(s.body)}`;
    case "kernel":
      return `kernel ${s.name.text} ${s.plan.arguments.length > 0 ? expression(s.plan) : s.plan.callee.text}${body(s.body)}`;
    case "output":
      return `output ${s.outputs.map(({ name, value }) => name.text + (value ? `=${expression(value)}` : "")).join(" ")}`;
    case "return":
      return `return ${s.values.map(expression).join(" , ")}`;
  }
}

function target({ name, type: written }: { readonly name: Name; readonly type?: TypeExpression }): string {
  return written ? `${name.text}: ${type(written)}` : name.text;
}

function type({ dtype, shape }: TypeExpression): string {
  return `${dtype.text}[${shape.map(expression).join(" ")}]`;
}

/** An expression. Long left-leaning chains are followed without recursion. */
function expression(e: Expression): string {
  const closers: string[] = [];
  let heads = "";
  let left = e;
  while (left.kind === "binary" || left.kind === "pipe") {
    if (left.kind === "binary") {
      heads += `(${left.operator} `;
      closers.push(` ${expression(left.right)})`);
      left = left.left;
    } else {
      heads += "(|> ";
      closers.push(` ${expression(left.call)}${left.parentheses ? "" : "'"})`);
      left = left.value;
    }
  }
  return heads + simple(left) + closers.toReversed().join("");
}

function simple(e: Expression): string {
  switch (e.kind) {
    case "number":
      return e.text;
    case "size":
      return e.values.join("x");
    case "string":
      return JSON.stringify(e.value);
    case "name":
      return e.quoted ? `\`${e.name}\`` : e.name;
    case "list":
      return `[${e.items.map(expression).join(" ")}]`;
    case "call": {
      const binder = e.binder ? `${e.binder.text}${e.optional ? "?" : ""}:` : "";
      return `${binder}${e.callee.text}(${e.arguments.map(argument).join(" ")})`;
    }
    case "index":
      return `(at ${expression(e.list)} ${expression(e.index)})`;
    case "conditional":
      return `(if ${expression(e.condition)} ${expression(e.then)} ${expression(e.otherwise)})`;
    case "unary":
      return `(${e.operator} ${expression(e.operand)})`;
    case "binary":
    case "pipe":
      return expression(e);
  }
}

function argument(a: Argument): string {
  if (a.kind === "rest") return `..${a.name.text}`;
  if (a.kind === "spread") return `${expression(a.value)}..`;
  return (a.kind === "named" ? `${a.name.text}=` : "") + expression(a.value);
}
