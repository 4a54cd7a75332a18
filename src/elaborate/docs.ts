// The doc comments of a net and of what its file defines.

import type { Ast, NetItem } from "#grammar/ast.js";

/** What a doc comment says about something with a name. */
export interface Doc {
  readonly kind: "net" | "const" | "block" | "input" | "param";
  readonly name: string;
  /** Its lines, joined by line ends. */
  readonly text: string;
}

/** The docs of a net, then those of its inputs, params and consts, then those of the consts and blocks of its file. */
export function docsOf({ items }: Ast, net: NetItem): readonly Doc[] {
  const inner = net.body.flatMap((statement) =>
    statement.kind === "input" || statement.kind === "param" || statement.kind === "const" ? [statement] : [],
  );
  const others = items.filter((item) => item.kind === "const" || item.kind === "block");
  return [net, ...inner, ...others].flatMap(({ kind, name, doc }) =>
    doc === undefined ? [] : [{ kind, name: name.text, text: doc }],
  );
}
