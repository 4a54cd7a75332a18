// Compiles `class` items: names for sets of ops, in rules and in fusions.

import type { ClassItem, Item } from "#grammar/ast.js";
import { printName } from "#grammar/printing/print-name.js";
import type { Diagnostic, Span } from "#diagnostic/diagnostic.js";
import { error } from "#diagnostic/diagnostic.js";
import { meant, meantOr } from "#diagnostic/suggest.js";
import type { Node, OpName } from "#ir/graph.js";
import type { TensorType } from "#ir/type.js";
import { isMember, isOp, isOpClass, opClasses, opNames, opOf } from "#ops/index.js";

/** The ops that a name means. */
export interface OpSet {
  readonly ops: readonly OpName[];
  /** Whether a `conv2d` must be pointwise. Of the built-in classes, only `pointwise` depends on the node. */
  readonly pointwise?: true;
}

/** The classes of a file by name, and the errors in them. A class may have the members of classes before it. */
export function compileClasses(items: readonly Item[]): {
  readonly classes: ReadonlyMap<string, OpSet>;
  readonly diagnostics: readonly Diagnostic[];
} {
  const diagnostics: Diagnostic[] = [];
  const classes = new Map<string, OpSet>();
  const first = new Map<string, ClassItem>();
  for (const item of items) {
    if (item.kind !== "class") continue;
    const { text, span } = item.name;
    const other = first.get(text);
    if (other)
      diagnostics.push(
        error("repeated-name", `there are two classes \`${text}\``, {
          span,
          others: [{ span: other.name.span, message: "first here" }],
        }),
      );
    first.set(text, other ?? item);
    if (isOp(text) || isOpClass(text))
      diagnostics.push(
        error("shadowed-op", `\`${text}\` is ${isOp(text) ? "an op" : "a class of ops"} already`, { span }),
      );
    const sets = item.members.flatMap((member) => {
      const set = setOf(member.text, classes);
      if (!set || member.text === "input" || member.text === "constant") {
        diagnostics.push(noMember(member.text, member.span, classes));
        return [];
      }
      return [set];
    });
    classes.set(text, united(sets));
  }
  return { classes, diagnostics };
}

/** The ops that a name means in a rule: an op, a built-in class, or one of the file's own. `matmul` is the op, which `dense` is not. */
export function setOf(name: string, classes: ReadonlyMap<string, OpSet>): OpSet | undefined {
  return classes.get(name) ?? (isOp(name) ? { ops: [name] } : builtInClass(name));
}

/** The ops that a name means in a fusion: `matmul` is the class, because one template computes its members. */
export function setOfLink(name: string, classes: ReadonlyMap<string, OpSet>): OpSet | undefined {
  return classes.get(name) ?? builtInClass(name) ?? (isOp(name) ? { ops: [name] } : undefined);
}

function builtInClass(name: string): OpSet | undefined {
  if (!isOpClass(name)) return undefined;
  if (name === "pointwise") return { ops: ["conv2d"], pointwise: true };
  return { ops: opNames.filter((op) => opOf(op).classes.includes(name)) };
}

/** Whether a node is one of the ops; `types` are those of its operands, at least of the first two. */
export function isOneOf({ ops, pointwise }: OpSet, node: Node, types: readonly TensorType[]): boolean {
  return ops.includes(node.op) && (!pointwise || node.op !== "conv2d" || isMember("pointwise", node, types));
}

function united(sets: readonly OpSet[]): OpSet {
  const ops = [...new Set(sets.flatMap((set) => set.ops))];
  const all = sets.filter((set) => set.ops.includes("conv2d"));
  return { ops, ...(all.length > 0 && all.every(({ pointwise }) => pointwise) ? { pointwise: true } : {}) };
}

function noMember(name: string, span: Span, classes: ReadonlyMap<string, OpSet>): Diagnostic {
  const near = meant(name, [...opNames, ...opClasses, ...classes.keys()], span, printName);
  return error("unknown-op", `there is no op or class \`${name}\` that could be a member`, {
    span,
    ...meantOr(near, "a class has ops and the classes before it; `cleave ops` lists the ops"),
  });
}
