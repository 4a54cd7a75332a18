// Types in the text, symbolic dimensions, and the open batch.

import type { Expression, NetItem, TypeExpression } from "#grammar/ast.js";
import { didYouMeanOrHas } from "#diagnostic/suggest.js";
import type { DType, TensorType } from "#ir/type.js";
import { dtypes, elements, isDType } from "#ir/type.js";
import { evaluate } from "./expressions.js";
import { isReserved } from "./literals.js";
import type { Scope, Elaboration } from "./elaboration.js";
import { describe, fail } from "./elaboration.js";

/** A type of the text; `open` says that axis 0 is the open batch, which is 1 in the shape. */
export interface WrittenType {
  readonly type: TensorType;
  readonly open: boolean;
}

/** The type of an input, whose symbols `--dim` binds; the first one may stay open. */
export function inputType(
  state: Elaboration,
  scope: Scope,
  written: TypeExpression,
): WrittenType | undefined {
  const [first] = written.shape;
  const symbol = first && symbolOf(scope, first);
  const open =
    symbol !== undefined &&
    !state.dims.has(symbol) &&
    (state.batch === undefined || state.batch.symbol === symbol);
  if (open && first) state.batch ??= { symbol, span: first.span };
  // All symbols are collected before any is looked up, so that one message names them all.
  for (const extent of written.shape.slice(open ? 1 : 0)) {
    const name = symbolOf(scope, extent);
    if (
      name !== undefined &&
      !state.dims.has(name) &&
      name !== state.batch?.symbol &&
      !state.unbound.has(name)
    )
      state.unbound.set(name, extent.span);
  }
  const type = typeOfExpression(state, scope, written, open ? [1] : []);
  return type && { type, open };
}

/** The type of a type expression, with its extents evaluated, except those in `known`. */
export function typeOfExpression(
  state: Elaboration,
  scope: Scope,
  written: TypeExpression,
  known: readonly number[] = [],
): TensorType | undefined {
  const before = state.failures;
  const dtype = elementTypeOf(state, written);
  if (dtype === undefined) return undefined;
  const extents = written.shape.map((extent, axis) => known[axis] ?? extentOf(state, scope, extent));
  const shape = extents.filter((extent) => extent !== undefined);
  if (state.failures > before || shape.length < extents.length) return undefined;
  if (elements(shape) > 2 ** 31) {
    fail(state, written.span, "too-large", `${dtype}[${shape.join(", ")}] has more than 2^31 elements`);
    return undefined;
  }
  return { dtype, shape };
}

/** The element type of a type expression; undefined after an error. */
export function elementTypeOf(state: Elaboration, written: TypeExpression): DType | undefined {
  const dtype = written.dtype.text;
  if (isDType(dtype)) return dtype;
  fail(state, written.dtype.span, "unknown-type", `\`${dtype}\` is not an element type`, {
    help: [`the element types are ${dtypes.join(", ")}`],
  });
  return undefined;
}

export function extentOf(state: Elaboration, scope: Scope, expression: Expression): number | undefined {
  const value = evaluate(state, scope, scope.path, expression);
  if (value.kind === "none") return undefined;
  if (value.kind === "number" && Number.isSafeInteger(value.value) && value.value >= 1) return value.value;
  const isFraction = value.kind === "number" && !Number.isInteger(value.value);
  fail(
    state,
    expression.span,
    "wrong-dimension",
    `a dimension must be a whole number from 1 up, not ${describe(state, value)}`,
    isFraction ? { help: ["round it with floor(…) or ceil(…)"] } : {},
  );
  return undefined;
}

/** The symbol of an extent, if the extent is an unbound name. */
export function symbolOf(scope: Scope, extent: Expression): string | undefined {
  if (extent.kind !== "name" || isReserved({ text: extent.name, quoted: extent.quoted })) return undefined;
  // A tensor is not a dimension, so it may have the name of one.
  const bound = scope.names.get(extent.name) ?? scope.file.constants.get(extent.name);
  return bound && bound.value.kind !== "tensor" ? undefined : extent.name;
}

/** Reports unbound symbols, bindings without effect, and inputs outside the open batch. */
export function reportDimensions(state: Elaboration, net: NetItem): void {
  reportUnbound(state);
  for (const name of state.dims.keys()) {
    if (state.usedDims.has(name) || state.failures > 0) continue;
    fail(
      state,
      net.name.span,
      "unknown-dimension",
      `net \`${net.name.text}\` has no dimension or const \`${name}\``,
      {
        label: `--dim ${name}=${state.dims.get(name)} has no effect`,
        help: didYouMeanOrHas(name, boundByName(state, net)),
      },
    );
  }
  if (state.batch && state.failures === 0) reportBatch(state, state.batch);
}

/** The dimensions and consts whose values can be given by name. */
function boundByName(state: Elaboration, net: NetItem): string[] {
  const constants = [...state.file.constants].filter(([, { value }]) => value.kind === "number");
  return [
    ...(state.batch ? [state.batch.symbol] : []),
    ...state.usedDims,
    ...net.body.flatMap((statement) => (statement.kind === "const" ? [statement.name.text] : [])),
    ...constants.map(([name]) => name),
  ];
}

function reportUnbound(state: Elaboration): void {
  const [first] = state.unbound;
  if (!first) return;
  const names = [...state.unbound.keys()];
  fail(
    state,
    first[1],
    "unbound-dimension",
    `${names.length === 1 ? "dimension" : "dimensions"} ${names.map((name) => `\`${name}\``).join(", ")} must be bound`,
    {
      others: [...state.unbound]
        .slice(1)
        .map(([name, span]) => ({ span, message: `\`${name}\` is first used here` })),
      help: [
        `such as ${names.map((name) => `--dim ${name}=224`).join(" ")}; only a leading batch may stay open`,
      ],
    },
  );
}

/** Reports inputs without the open batch. It must be the first dimension of all inputs, since `run` splits them into samples. */
function reportBatch(state: Elaboration, batch: NonNullable<Elaboration["batch"]>): void {
  const others = [{ span: batch.span, message: "left open here" }];
  const help = [`bind it with --dim ${batch.symbol}=1`];
  for (const [id, node] of state.nodes) {
    const span = state.places.get(id);
    if (node.op === "input" && !state.batched.has(id) && span)
      fail(state, span, "no-batch", `input \`${node.name}\` has no batch \`${batch.symbol}\``, {
        others,
        help,
      });
  }
}
