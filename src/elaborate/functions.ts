// Functions of nets and blocks: they read the shapes of tensors and the items of lists, which are known at compile time.

import type { Span } from "#diagnostic/diagnostic.js";
import { channels, elements } from "#ir/type.js";
import type { TensorType } from "#ir/type.js";
import type { Elaboration } from "./elaboration.js";
import { describe, fail, typeOf } from "./elaboration.js";
import type { ExpressionValue, Given } from "./expression-value.js";
import { none } from "./expression-value.js";

/** A function of a tensor's type. `open` says that axis 0 is the open batch. */
type OfType = (type: TensorType, open: boolean) => ExpressionValue | "batch";

const ofTypes: ReadonlyMap<string, OfType> = new Map<string, OfType>([
  [
    "shape",
    ({ shape }, open) => ({ kind: "list", value: shape, size: false, ...(open && { open: true as const }) }),
  ],
  ["rank", ({ shape }) => number(shape.length)],
  ["channels", ({ shape }, open) => (open && shape.length === 1 ? "batch" : number(channels(shape)))],
  ["elements", ({ shape }, open) => (open ? "batch" : number(elements(shape)))],
]);

/** The functions of nets, with the names of their operands. */
const parameters: ReadonlyMap<string, readonly string[]> = new Map<string, readonly string[]>([
  ...[...ofTypes.keys()].map((name): [string, string[]] => [name, ["x"]]),
  ["length", ["list"]],
  ["at", ["list", "index"]],
]);

export const functionNames: readonly string[] = [...parameters.keys()];

export function isFunction(name: string): boolean {
  return parameters.has(name);
}

/** The value of `shape(x)`, `at(list, 1)` and the like. */
export function callFunction(
  state: Elaboration,
  name: string,
  given: readonly Given[],
  span: Span,
): ExpressionValue {
  if (given.some(({ value }) => value.kind === "none")) return none;
  const takes = parameters.get(name) ?? [];
  const named = given.find((argument) => argument.name !== undefined);
  if (given.length !== takes.length || named)
    return fail(state, named?.span ?? span, "wrong-argument", `\`${name}\` takes ${takes.join(" and ")}`, {
      help: [`as in \`${name}(${takes.join(", ")})\``],
    });
  const [first, second] = given;
  const ofType = ofTypes.get(name);
  if (!first) return none;
  if (ofType) {
    const { value } = first;
    if (value.kind !== "tensor")
      return fail(
        state,
        first.span,
        "not-a-tensor",
        `\`${name}\` takes a tensor, not ${describe(state, value)}`,
      );
    const result = ofType(typeOf(state, value.node), state.batched.has(value.node));
    return result === "batch" ? { kind: "batch" } : result;
  }
  if (second) return itemOf(state, first, second);
  const { value } = first;
  if (value.kind === "list") return number(value.value.length);
  return fail(state, first.span, "wrong-argument", `\`length\` takes a list, not ${describe(state, value)}`);
}

/** The value of `list[index]`: from 0, or from the end if negative. */
export function itemOf(state: Elaboration, list: Given, index: Given): ExpressionValue {
  if (list.value.kind === "none" || index.value.kind === "none") return none;
  if (list.value.kind !== "list")
    return fail(
      state,
      list.span,
      "wrong-index",
      `only a list has items, not ${describe(state, list.value)}`,
      {
        help:
          list.value.kind === "tensor"
            ? ["`shape(x)[1]` is an extent of a tensor, and `slice` gives a part of it"]
            : [],
      },
    );
  const { value: items, open } = list.value;
  const at = index.value.kind === "number" ? index.value.value : Number.NaN;
  const position = at < 0 ? items.length + at : at;
  const item = Number.isInteger(at) ? items[position] : undefined;
  if (item === undefined)
    return fail(
      state,
      index.span,
      "wrong-index",
      `a list of ${items.length} has no item ${index.value.kind === "number" ? at : `at ${describe(state, index.value)}`}`,
      items.length > 0
        ? { help: [`its items are at 0 to ${items.length - 1}, or at -1 to -${items.length} from the end`] }
        : {},
    );
  return open && position === 0 ? { kind: "batch" } : number(item);
}

function number(value: number): ExpressionValue {
  return { kind: "number", value };
}
