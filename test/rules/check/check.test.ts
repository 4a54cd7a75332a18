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
  "relu(x) => x when shape(x) == [1, 6, 7, 5]",
  "relu(x) => x when channels(x) % 64 == 0 and elements(x) == 1152",
  "relu(x) => x when rank(x) == 7 and at(shape(x), 2) == 3",
  "clip(x, low=a, high=b) => relu(x) when b - a == 12 and a == -3",
  "concat(x, y, axis=i) => concat(y, x, axis=i) when shape(x) == shape(y) and channels(x) % 24 == 0",
  "concat(xs.., axis=-1) => concat(xs.., axis=-1) * 1.001 when count(xs) == 5",
  "softmax(x, axis=i) => softmax(x) when rank(x) == 3 and i == -2 and at(shape(x), 1) == channels(x)",
  "reduce_sum(x, axes=a) => reduce_mean(x, axes=a) when a == [1, 2] and elements(x) == 720",
  "dense(x, w, b) => dense(x, w) when constant(w, b) and shape(w) == [64, 48]",
  "conv2d(x, w, b) => conv2d(x, w) when constant(w, b) and at(shape(w), 0) == 6 and channels(x) == 40",
  "c: conv2d(x, w, b, ..a) + y => c when channels(c) == 96",
  "pad(x, before=f, after=t) => pad(x, before=t, after=f) when sum(f) == 7 and sum(t) == 0",
  "x * c => x when value(c) > 20 and value(c) < 21",
  "prelu(x, a) => x when least(a) >= 0.9 and greatest(a) <= 1.1 and channels(x) == 33",
  "x * c + y * d => (x + y) * c when constant(c, d) and value(c) == 2 * value(d) and value(d) > 3",
  "x * c + d => x * c when not (value(c) != value(d)) and value(c) == 1.75",
  "leaky_relu(leaky_relu(x, alpha=a), alpha=b) => leaky_relu(x, alpha=a) where k = b when a == 2 * k and k == 0.4375",
  "matmul(x, y) => matmul(x, y) + 0.001 when shape(x) == [12, 20] and shape(y) == [20, 12]",
  "global_avg_pool(x) => global_max_pool(x) when min(at(shape(x), 1), 9) == 3 * floor(at(shape(x), 2))",
])("a wrong one whose condition seldom holds: %s", (text) => {
  expect(check(`rule r: ${text}`).counterexample).toBeDefined();
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
  const result = check("rule r: relu(x) => tanh(x) when channels(x) > 100000");
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
