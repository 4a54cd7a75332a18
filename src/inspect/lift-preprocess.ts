// Writes how pictures become values of an input as `preprocess(…)`.

import type { CallExpression, Expression } from "#grammar/ast.js";
import type { Preprocess } from "#ir/preprocess.js";
import type { Node } from "#ir/graph.js";
import type { Module } from "#ir/weights.js";
import { preprocessOf } from "#ops/preprocess.js";
import { call, literalName, listExpression, noSpan, numberExpression } from "./lift-expressions.js";

/** The call, without what holds where nothing is said. It says the layout, which else depends on the ops that read the input. */
export function liftPreprocess(preprocess: Preprocess, module: Module, input: Node): CallExpression {
  const usual = preprocessOf(module, input, {}).value;
  const said = (Object.keys(usual) as (keyof Preprocess)[])
    .filter((key) => key === "layout" || String(preprocess[key]) !== String(usual[key]))
    .map((name) => ({ name, value: valueOf(preprocess[name]) }));
  return call("preprocess", [], said);
}

function valueOf(value: Preprocess[keyof Preprocess]): Expression {
  if (typeof value === "string") return literalName(value);
  if (typeof value === "number") return fractionOf(value);
  const [only, ...others] = value;
  return only !== undefined && others.length === 0 ? fractionOf(only) : listExpression(value.map(fractionOf));
}

/** A number, or a fraction such as 1/255 that is exactly it and shorter. */
function fractionOf(value: number): Expression {
  const whole = Math.round(1 / value);
  if (String(value).length <= `1 / ${whole}`.length || 1 / whole !== value) return numberExpression(value);
  const [left, right] = [numberExpression(1), numberExpression(whole)];
  return { kind: "binary", operator: "/", left, right, span: noSpan };
}
