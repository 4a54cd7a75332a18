// Left sides with many choices on large graphs: a rule is tried at every node, and its work at a node is bounded.

import { expect, test } from "vitest";
import { elaborate } from "#elaborate/elaborate.js";
import { parse } from "#grammar/reading/parse.js";
import { compileRules } from "#rewrite/rule/compile/compile-rule.js";
import { mostSteps } from "#rewrite/rule/solve.js";
import { applyRules } from "#rewrite/rule/sweep.js";
import { scaled } from "../scale.js";

const layers = scaled(3000);

/** The names of the rules that were applied, of which each may be applied once per layer at most. */
function applied(rule: string, net: string): number {
  const module = elaborate(parse(net, "net.net").value!).value!;
  const { value, diagnostics } = compileRules(parse(rule, "rule.net").value!.items);
  expect(diagnostics).toEqual([]);
  let count = 0;
  applyRules(module, value!, {
    pass: "test",
    report: ({ message }) => expect.fail(message),
    onApply: () => void (count += 1),
  });
  return count;
}

const chain = `net chain {
  input x: f32[1, 4]
  repeat ${layers} {
    x = x + sigmoid(x)
    x = tanh(x) * 0.5
    x = -x
  }
  output x
}
`;

/** One value that all other nodes read. */
const fan = `net fan {
  input x: f32[1, 4]
  y = x
  repeat ${layers} { y = y + relu(x) }
  output y
}
`;

test.each([
  [
    "alternatives",
    chain,
    "rule r: neg((tanh(x) * 3 | sigmoid(x) * 0.5 | (tanh(x) | relu(x)) * 0.25)) => x",
    0,
  ],
  [
    "optional ops",
    chain,
    "rule r: neg(a?: activation(b?: mul(c?: activation(d?: add(x, y)), z))) => x when uses(x) > 1e9",
    0,
  ],
  ["several terms at one value that all read", fan, "rule r: relu(x), abs(x) => x, x", 0],
  ["a match in every layer", chain, "rule r: neg(mul(a: tanh(x), c)) => mul(a, neg(c))", layers],
])("%s", (_, net, rule, expected) => {
  expect(applied(rule, net)).toBe(expected);
});

test("a left side with very many ways to match ends", () => {
  const sum = Array.from({ length: 24 }, () => "(x + 1)").join(" * ");
  const same = Array.from({ length: 24 }, () => "(y + z)").join(" * ");
  const net = `net n {\n  input x: f32[4]\n  output y = ${sum}\n}\n`;
  expect(
    applied(
      `rule r: ${same} => y when z == 1 and y == 2`.replace(" when z == 1 and y == 2", " when uses(y) > 1e9"),
      net,
    ),
  ).toBe(0);
  expect(mostSteps).toBeLessThan(1e6);
});
