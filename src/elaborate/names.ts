// Looks up names: literals, bindings, consts, symbolic dimensions, and ops and blocks as values.

import type { Span } from "#diagnostic/diagnostic.js";
import { printName } from "#grammar/printing/print-name.js";
import { quote } from "#grammar/quote.js";
import type { Advice } from "#diagnostic/suggest.js";
import { meant, writeInstead } from "#diagnostic/suggest.js";
import type { OpName } from "#ir/graph.js";
import { isOp, literalNames, literalTexts, ops } from "#ops/index.js";
import type { Scope, Elaboration } from "./elaboration.js";
import { fail } from "./elaboration.js";
import type { Callee, ExpressionValue } from "./expression-value.js";
import { none } from "./expression-value.js";
import { isFunction } from "./functions.js";
import { namedNumbers } from "./literals.js";

/** The value of a name in a scope; `quoted` names are never literals. */
export function lookUp(
  state: Elaboration,
  scope: Scope,
  name: string,
  quoted: boolean,
  span: Span,
): ExpressionValue {
  if (!quoted && literalNames.has(name)) return { kind: "name", value: name };
  const number = quoted ? undefined : namedNumbers.get(name);
  if (number !== undefined) return { kind: "number", value: number };
  const found = scope.names.get(name) ?? scope.file.constants.get(name);
  if (found) {
    state.observer?.found(span, found);
    return found.value;
  }
  if (scope.isNet) {
    const extent = state.dims.get(name);
    if (extent !== undefined) {
      state.usedDims.add(name);
      return { kind: "number", value: extent };
    }
    if (state.unbound.has(name)) return none;
    if (state.batch?.symbol === name) {
      return fail(
        state,
        span,
        "open-batch",
        `\`${name}\` is the open batch, whose size is not known in the net`,
        {
          others: [{ span: state.batch.span, message: "left open here" }],
          help: [`write 1, since the net is compiled for one sample, or bind it with --dim ${name}=1`],
        },
      );
    }
  }
  const callee = calleeOf(scope, name);
  if (scope.file.incomplete.has(name) && !callee) return none;
  if (callee?.kind === "block") state.observer?.found(span, callee.block.name);
  if (callee) return { kind: "callable", callee };
  const advice = literalTexts.has(name)
    ? writeInstead(
        quote(name, '"'),
        span,
        `as the value of an attribute it is in quotes: ${quote(name, '"')}`,
      )
    : meantName(scope, name, span);
  const isCallable = isOp(name) || isFunction(name);
  const inBlock = scope.blocks.length > 0 && !advice.help && !isCallable;
  return fail(state, span, "unknown-name", `there is no \`${name}\` here`, {
    label: isCallable ? "call this with arguments" : "not bound",
    ...(inBlock
      ? { help: ["a block sees its parameters and the file's consts, but no names of the net"] }
      : advice),
  });
}

/**
 * The bound names and the members of attributes that are close to a name; if none is, ops and blocks, which can be passed to blocks. A
 * member is never written in backticks.
 */
function meantName(scope: Scope, name: string, span: Span): Advice {
  const bound = [...scope.names.keys(), ...scope.file.constants.keys()];
  const written = (one: string): string => (literalNames.has(one) ? one : printName(one));
  const near = meant(name, [...bound, ...literalNames], span, written);
  return near.help ? near : meant(name, [...Object.keys(ops), ...scope.file.blocks.keys()], span, printName);
}

/** The op or block of a name. A parameter or a const that holds one comes first. */
export function calleeOf(scope: Scope, name: string): Callee | undefined {
  const bound = scope.names.get(name) ?? scope.file.constants.get(name);
  if (bound?.value.kind === "callable") return bound.value.callee;
  const block = scope.file.blocks.get(name);
  if (block) return { kind: "block", ...block };
  return isCallableOp(name) ? { kind: "op", name } : undefined;
}

function isCallableOp(name: string): name is OpName {
  return isOp(name) && name !== "input" && name !== "constant";
}
