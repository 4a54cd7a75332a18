// Calls of blocks: the body runs in a scope that contains only the arguments.

import type { BlockItem } from "#grammar/ast.js";
import { printArgumentName } from "#grammar/printing/print-name.js";
import type { Binding, HomedBlock } from "../expression-value.js";
import type { Span } from "#diagnostic/diagnostic.js";
import { meant, meantOr } from "#diagnostic/suggest.js";
import { uniteSpans } from "#ir/graph.js";
import type { Scope, Elaboration } from "../elaboration.js";
import { describe, fail, takePath } from "../elaboration.js";
import type { Given, ExpressionValue } from "../expression-value.js";
import { none } from "../expression-value.js";

/** Deepest nesting of block calls: the elaborator recurses for each, and the stack is limited. */
export const depthLimit = 100;

/** The value of a call of a block. */
export function callBlock(
  state: Elaboration,
  scope: Scope,
  path: string,
  { block, file }: HomedBlock,
  given: readonly Given[],
  span: Span,
): ExpressionValue {
  if (scope.blocks.includes(block)) return recursion(state, scope, block, span);
  if (scope.blocks.length >= depthLimit)
    return fail(state, span, "too-deep", `more than ${depthLimit} blocks call each other here`);
  const bound = bindArguments(state, block, given);
  if (!bound) return none;
  const inner: Scope = {
    names: bound.names,
    file,
    path: bound.segment === undefined ? path : `${takePath(state, `${path}${bound.segment}`)}.`,
    blocks: [...scope.blocks, block],
    isNet: false,
  };
  if (!fillDefaults(state, inner, block, span)) return none;
  state.observer?.called(state, inner, block);
  state.calls.push({ span, spans: uniteSpans([state.calls.at(-1)?.spans ?? [], [span]]) });
  const result = state.walk.run(state, inner, block.body) ?? none;
  state.calls.pop();
  return result;
}

function recursion(state: Elaboration, scope: Scope, block: BlockItem, span: Span): ExpressionValue {
  const round = [...scope.blocks.slice(scope.blocks.indexOf(block)), block];
  const chain = round.map(({ name }) => `\`${name.text}\``).join(" → ");
  return fail(state, span, "recursive-block", `block \`${block.name.text}\` calls itself: ${chain}`, {
    help: ["use `repeat` for copies"],
  });
}

/** The arguments by parameter, and the value of `name="…"`; undefined after an error. */
function bindArguments(
  state: Elaboration,
  block: BlockItem,
  given: readonly Given[],
): { readonly names: Map<string, Binding>; readonly segment?: string } | undefined {
  const name = block.name.text;
  const names = new Map<string, Binding>();
  const failures = state.failures;
  const takes = block.parameters.map((one) => one.name.text);
  const others = [{ span: block.name.span, message: "defined here" }];
  let position = 0;
  let segment: string | undefined;
  for (const { name: key, value, span } of given) {
    const parameter = key === undefined ? takes[position++] : takes.find((one) => one === key.text);
    if (parameter !== undefined) {
      const first = names.get(parameter);
      if (first)
        fail(state, span, "repeated-argument", `\`${parameter}\` is given twice`, {
          others: [{ span: first.span, message: "first here" }],
        });
      else names.set(parameter, { value, span });
    } else if (key?.text === "name") {
      if (value.kind === "string") segment = value.value;
      else if (value.kind !== "none")
        fail(state, span, "wrong-argument", `\`name\` must be a string, not ${describe(state, value)}`);
    } else if (key !== undefined) {
      fail(state, span, "unknown-argument", `block \`${name}\` has no parameter \`${key.text}\``, {
        others,
        ...meantOr(
          meant(key.text, takes, key.span, printArgumentName),
          `it takes ${takes.join(", ") || "none"}`,
        ),
      });
    } else {
      fail(state, span, "too-many-arguments", `block \`${name}\` takes ${count(takes.length)}`, {
        others,
        ...(takes.length > 0 ? { help: [`they are ${takes.join(", ")}`] } : {}),
      });
    }
  }
  // After an error in an argument, the call is skipped: errors in its body would only be consequences.
  if (state.failures > failures || given.some(({ value }) => value.kind === "none")) return undefined;
  return segment === undefined ? { names } : { names, segment };
}

/** Binds parameters without an argument to their defaults, which may use earlier parameters; false after an error. */
function fillDefaults(state: Elaboration, inner: Scope, block: BlockItem, span: Span): boolean {
  const failures = state.failures;
  for (const parameter of block.parameters) {
    const { text } = parameter.name;
    if (inner.names.has(text)) continue;
    if (parameter.default) {
      const value = state.walk.evaluate(state, inner, inner.path, parameter.default);
      inner.names.set(text, { value, span: parameter.span });
    } else {
      fail(state, span, "missing-argument", `block \`${block.name.text}\` needs \`${text}\``, {
        others: [{ span: parameter.span, message: "declared here" }],
      });
    }
  }
  return state.failures === failures;
}

function count(parameters: number): string {
  if (parameters === 0) return "no arguments";
  return parameters === 1 ? "one argument" : `${parameters} arguments`;
}
