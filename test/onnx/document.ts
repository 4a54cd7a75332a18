// docs/onnx.md: the list of imported operators, made from the operator table and the results of ONNX's conformance data.

import { oldestOpset, newestOpset } from "#import/onnx/read-proto.js";
import { operators } from "#import/onnx/operators/index.js";
import { microsoft } from "#import/onnx/operators/microsoft.js";
import type { Case } from "./conformance.js";

/** The text between the markers of docs/onnx.md. */
export function conformanceText(all: readonly Case[], passed: ReadonlySet<string>): string {
  const inScope = all.filter(({ outOfScope }) => outOfScope === undefined);
  const rows = Object.keys(operators)
    .sort()
    .map((op) => {
      const own = inScope.filter((one) => one.operators.includes(op));
      const good = own.filter(({ name }) => passed.has(name));
      return `| ${op} | ${own.length === 0 ? "–" : `${good.length} / ${own.length}`} |`;
    });
  const reasons = new Map<string, string[]>();
  for (const { name, outOfScope } of all)
    if (outOfScope !== undefined) reasons.set(outOfScope, [...(reasons.get(outOfScope) ?? []), name]);
  const out = [...reasons]
    .sort(([a, x], [b, y]) => y.length - x.length || (a < b ? -1 : 1))
    .map(([reason, names]) => `| ${reason} | ${names.length} |`);
  const good = inScope.filter(({ name }) => passed.has(name)).length;
  return [
    `Of ${all.length} tests, ${inScope.length} are in scope: they have tensors of numbers, and operators of convolutional networks. ${good} of these pass.`,
    "",
    `Operators, opsets ${oldestOpset} to ${newestOpset} (below 7 as far as an operator means the same), and the tests in scope that use them:`,
    "",
    "| operator | passed / tests |",
    "| --- | --- |",
    ...rows,
    "",
    `Operators of onnxruntime's own domain, \`com.microsoft\`, which ONNX has no tests of: ${Object.keys(microsoft).sort().join(", ")}.`,
    "",
    "Out of scope:",
    "",
    "| reason | tests |",
    "| --- | --- |",
    ...out,
  ].join("\n");
}
