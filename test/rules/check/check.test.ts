// The random check of rules finds those that are not equations.

import { expect, test } from "vitest";
import { parse } from "#grammar/reading/parse.js";
import { checkRule } from "#rewrite/check/check-rule.js";
import { ruleProblems } from "#report/rule-problems.js";
import { compileRules } from "#rewrite/rule/compile/compile-rule.js";
import { createWeightStore } from "#weights/store.js";

function check(text: string) {
  const { value, diagnostics } = compileRules(parse(text, "rules.net").value!.items);
  expect(diagnostics).toEqual([]);
  return checkRule(value![0]!, { createStore: createWeightStore });
}

test.each([
  ["a sign", "rule r: neg(x) + y => x - y"],
  ["the order of operands", "rule r: sub(x, y) => sub(y, x)"],
  ["an attribute that is dropped", "rule r: leaky_relu(x, alpha=a) => leaky_relu(x)"],
  [
    "the order of permutations",
    "rule r: transpose(transpose(x, perm=p), perm=q) => transpose(x, perm=permute(q, p))",
  ],
  [
    "a pad of any value into a convolution",
    "rule r: conv2d(pad(x, before=f, after=t, value=v), w, b, padding=p, ..a) => conv2d(x, w, b, padding=p + image_padding(f, t), ..a)",
  ],
  [
    "a pad into a mean that does not count it",
    "rule r: avg_pool(pad(x, before=f, after=t), kernel=k, stride=s) => avg_pool(x, kernel=k, stride=s, padding=image_padding(f, t))",
  ],
  [
    "a shift before a padded convolution",
    "rule r: conv2d(x + s, w, b, ..a) => conv2d(x, w, b + reduce_sum(w * reshape(s, shape=[elements(s), 1]), axes=[0, 1, 2]), ..a) when constant(w, b, s) and per_channel(s)",
  ],
  [
    "a gain without its epsilon",
    "rule r: batch_norm(x, s, o, m, v, epsilon=e) => (x - m) * (s / sqrt(v)) + o",
  ],
  ["an approximation that is further off than it states", "rule approx(0.001) r: gelu(x) => silu(x)"],
])("%s", (_, text) => {
  const result = check(text);
  expect(result.counterexample).toMatchObject({ shown: { kind: "differs" } });
  const [problem] = ruleProblems(result, createWeightStore);
  expect(problem).toMatchObject({ severity: "error", code: "rule-not-equal", span: { file: "rules.net" } });
});

test.each([
  ["a true one", "rule r: neg(x) + y => y - x"],
  ["an approximation within what it states", "rule approx(0.2) r: gelu(x) => silu(x)"],
  [
    "a condition that makes it true",
    "rule r: max(x, x * c) => leaky_relu(x, alpha=value(c)) when value(c) >= 0 and value(c) <= 1",
  ],
])("%s passes", (_, text) => {
  const result = check(text);
  expect(result.counterexample).toBeUndefined();
  expect(result.samples).toBeGreaterThan(40);
  expect(ruleProblems(result, createWeightStore).filter(({ severity }) => severity !== "note")).toEqual([]);
});

test("a rule that never applies does not pass the check", () => {
  const result = check("rule r: relu(x) => tanh(x) when rank(x) > 40");
  expect(result.samples).toBe(0);
  expect(ruleProblems(result, createWeightStore)[0]).toMatchObject({
    severity: "error",
    code: "rule-not-checked",
  });
});

test("a rule that makes the graph cost more gives a warning", () => {
  const result = check("rule r: dense(x, w, b) => dense(x, w * 0.5, b) + dense(x, w * 0.5, b * 0)");
  expect(result.counterexample).toBeUndefined();
  expect(result.costlier.places).toBeGreaterThan(result.samples / 2);
});
