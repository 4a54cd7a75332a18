// What a net says about pictures and classes: `input … preprocess(…)` and `output … labels(…)`.

import type { Argument, CallExpression, Expression } from "#grammar/ast.js";
import { meant, meantOr } from "#diagnostic/suggest.js";
import type { Graph } from "#ir/graph.js";
import { nodeOf } from "#ir/graph.js";
import type { Preprocess } from "#ir/preprocess.js";
import { fits, labelsProblem, layouts, orders } from "#ir/preprocess.js";
import { preprocessOf } from "#ops/preprocess.js";
import type { Scope, Elaboration } from "./elaboration.js";
import { fail } from "./elaboration.js";
import { evaluate } from "./expressions.js";

/** The arguments of `preprocess`: the members of an enum, or what kind of numbers. */
export const settings: { readonly [K in keyof Preprocess]: readonly string[] | "number" | "numbers" } = {
  scale: "number",
  mean: "numbers",
  std: "numbers",
  order: orders,
  fit: fits,
  crop: "number",
  pad: "number",
  layout: layouts,
};

/** Reads `preprocess(…)` of an input; what it does not say is known when the whole net is. */
export function readPreprocess(
  state: Elaboration,
  scope: Scope,
  input: string,
  { arguments: list, span }: CallExpression,
): void {
  const said: Record<string, unknown> = {};
  for (const argument of list) {
    if (argument.kind !== "named") return needsName(state, argument);
    const { name, value } = argument;
    const kind = Object.entries(settings).find(([key]) => key === name.text)?.[1];
    if (kind === undefined) {
      const known = Object.keys(settings);
      fail(state, name.span, "wrong-argument", `\`preprocess\` has no argument \`${name.text}\``, {
        ...meantOr(meant(name.text, known, name.span), `it has ${known.join(", ")}`),
      });
    } else if (Object.hasOwn(said, name.text)) {
      fail(state, name.span, "repeated-argument", `\`${name.text}\` is given twice`);
    } else {
      const read = Array.isArray(kind)
        ? memberOf(state, name.text, value, kind)
        : numbersOf(state, scope, name.text, value, kind === "numbers");
      if (read !== undefined) said[name.text] = read;
    }
  }
  state.pictures.set(input, { said, span });
}

/** Reads `labels("…", …)` of an output. */
export function readLabels(
  state: Elaboration,
  output: string,
  { arguments: list, span }: CallExpression,
): void {
  const names: string[] = [];
  for (const argument of list) {
    if (argument.kind !== "positional" || argument.value.kind !== "string") {
      fail(state, argument.span, "wrong-argument", "labels are the names of classes in quotes", {
        help: ['as in `output scores labels("cat", "dog")`'],
      });
      return;
    }
    names.push(argument.value.value);
  }
  state.labels.set(output, { names, span });
}

/** The graph with what the net says about pictures and classes; reports what does not fit. */
export function withPictures(state: Elaboration, graph: Graph): Graph {
  const pictures = new Map<string, Preprocess>();
  for (const [input, { said, span }] of state.pictures) {
    const node = nodeOf(graph, state.inputs.get(input) ?? -1);
    const { value, problem } = preprocessOf({ graph, weights: state.store }, node, said);
    if (problem !== undefined) fail(state, span, "wrong-argument", problem);
    pictures.set(input, value);
  }
  const labels = new Map<string, readonly string[]>();
  for (const [output, { names, span }] of state.labels) {
    const node = nodeOf(graph, state.outputs.get(output)?.node ?? -1);
    const problem = labelsProblem(names, node.type);
    if (problem !== undefined) fail(state, span, "wrong-argument", problem);
    labels.set(output, names);
  }
  return {
    ...graph,
    ...(pictures.size > 0 && { pictures }),
    ...(labels.size > 0 && { labels }),
  };
}

function needsName(state: Elaboration, { span }: Argument): void {
  fail(state, span, "wrong-argument", "the arguments of `preprocess` need names, as in `scale=1/255`");
}

function memberOf(
  state: Elaboration,
  name: string,
  value: Expression,
  members: readonly string[],
): string | undefined {
  const member = value.kind === "name" ? value.name : undefined;
  if (member !== undefined && members.includes(member)) return member;
  fail(state, value.span, "wrong-argument", `\`${name}\` is one of ${members.join(", ")}`, {
    ...meant(member ?? "", members, value.span),
  });
  return undefined;
}

function numbersOf(
  state: Elaboration,
  scope: Scope,
  name: string,
  expression: Expression,
  isList: boolean,
): number | readonly number[] | undefined {
  const value = evaluate(state, scope, scope.path, expression);
  if (value.kind === "none") return undefined;
  if (value.kind === "number") return isList ? [value.value] : value.value;
  if (isList && value.kind === "list" && !value.size) return value.value;
  const wanted = isList ? "a number, or a list with one for each channel" : "a number";
  fail(state, expression.span, "wrong-argument", `\`${name}\` is ${wanted}`);
  return undefined;
}
