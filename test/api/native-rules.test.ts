// Rules and predicates in TypeScript: what they see, what they may make, how they are checked, and what their mistakes cause.

import { describe, expect, test } from "vitest";
import {
  checkRule,
  elaborate,
  nativeRule,
  optimize,
  parse,
  parseRules,
  printGraph,
} from "../../src/index.js";
import type { NativeRuleOptions, OptimizeOptions, RuleValue } from "../../src/index.js";

const text = `net small {
  input x: f32[N, 8, 8, 4]
  a = conv2d(x, filters=4, kernel=1x1)
  b = max(a, 0.25)
  output y = neg(neg(b)) + x
}
`;

function run(options: OptimizeOptions) {
  const model = elaborate(parse(text, "small.net").value!).value!;
  return optimize(model, { without: ["fuse"], ...options });
}

const doubleNegation = nativeRule({
  name: "double_negation",
  ops: ["neg"],
  left: "neg(neg(x))",
  rewrite: (value) => (value.operands[0]?.op === "neg" ? value.operands[0].operands[0] : undefined),
});

describe("a native rule", () => {
  test("applies, and its name is the origin of what it makes", () => {
    const clip = nativeRule({
      name: "clip_of_max",
      ops: ["max"],
      rewrite: ({ operands: [x, bound] }, build) =>
        bound?.data()?.data.length === 1
          ? build.op("clip", [x], { low: bound.data()!.data[0]!, high: Infinity })
          : undefined,
    });
    const { value, diagnostics } = run({ rules: [doubleNegation, clip], passes: ["apply-rules"] });
    expect(diagnostics).toEqual([]);
    const nodes = [...value!.module.graph.nodes.values()];
    expect(nodes.map(({ op }) => op)).not.toContain("neg");
    expect(nodes.find(({ op }) => op === "clip")?.origin).toMatchObject({ rule: "clip_of_max" });
    expect(value!.trace[0]?.applied.map(({ rule }) => rule)).toContain("double_negation");
    expect(
      run({ rules: [doubleNegation], withoutRules: ["double_negation"], passes: ["apply-rules"] }).value!
        .trace[0]?.applied,
    ).toEqual([]);
  });

  test("is checked like any rule", () => {
    expect(checkRule(doubleNegation)).toEqual([]);
    const wrong = nativeRule({ name: "wrong", ops: ["neg"], rewrite: ({ operands: [x] }) => x });
    expect(checkRule(wrong)[0]).toMatchObject({ severity: "error", code: "rule-not-equal" });
    expect(run({ rules: [wrong] }).diagnostics[0]).toMatchObject({ code: "rule-not-equal" });
    expect(run({ rules: [wrong], trustRules: true }).diagnostics).toEqual([]);
  });

  test("that the check cannot try says what to do", () => {
    const deep = nativeRule({
      name: "deep",
      ops: ["neg"],
      rewrite: ({ operands: [x] }) => (x?.op === "layer_norm" ? x : undefined),
    });
    const [problem] = checkRule(deep);
    expect(problem).toMatchObject({ code: "rule-not-checked" });
    expect(problem?.help?.join()).toContain("`left` of `nativeRule`");
  });

  test("can make only what fits, and does not apply otherwise", () => {
    const made: unknown[] = [];
    const odd = nativeRule({
      name: "odd",
      ops: ["neg"],
      rewrite: ({ operands: [x] }, build) => {
        made.push(
          build.op("reshape", [x], { shape: [3] }),
          build.op("add", [x]),
          build.op("relu", [undefined]),
        );
        return build.op("global_avg_pool", [x]);
      },
    });
    expect(run({ rules: [odd], trustRules: true, passes: ["apply-rules"] }).value!.trace[0]?.applied).toEqual(
      [],
    );
    expect(made.length).toBeGreaterThan(0);
    expect(new Set(made)).toEqual(new Set([undefined]));
  });

  test.each<[string, NativeRuleOptions["rewrite"], string]>([
    [
      "an op that does not exist",
      ({ operands: [x] }, build) => build.op("rellu" as "relu", [x]),
      "`rellu`, which is no op",
    ],
    [
      "an attribute that does not exist",
      ({ operands: [x] }, build) => build.op("relu", [x], { alpha: 1 } as object),
      "an attribute `alpha`",
    ],
    [
      "the value that it replaces",
      (value, build) => build.op("relu", [value]),
      "reads the value that it replaces",
    ],
    [
      "a value of its own",
      () => ({ type: { dtype: "f32", shape: [] } }),
      "neither the graph nor its builder",
    ],
    ["an error", () => JSON.parse("?") as undefined, "throws SyntaxError"],
  ])("that uses %s is an error, and no bug of the compiler", (_, rewrite, message) => {
    const rule = nativeRule({ name: "mine", ops: ["neg"], rewrite });
    for (const diagnostics of [
      run({ rules: [rule], trustRules: true }).diagnostics,
      run({ rules: [rule] }).diagnostics,
      checkRule(rule),
    ]) {
      expect(diagnostics[0]).toMatchObject({ severity: "error", code: "failed-rule" });
      expect(diagnostics[0]?.message).toContain(message);
    }
  });

  test("has a left side that can be read", () => {
    const wrong = (left: string) => () =>
      nativeRule({ name: "n", ops: ["neg"], left, rewrite: () => undefined });
    expect(wrong("neg(")).toThrow(/nativeRule takes one term of the rule language/);
    expect(wrong("nego(x)")).toThrow(/there is no op or op class `nego`/);
    expect(() => nativeRule({ name: "n", ops: ["nego" as "neg"], rewrite: () => undefined })).toThrow(
      TypeError,
    );
  });
});

describe("a predicate", () => {
  const rules = (fits: (...all: never[]) => boolean) =>
    parseRules("rule r: max(x, c) => clip(x, low=value(c)) when constant(c) and fits(x, c, 3)", "r.net", {
      predicates: { fits },
    });

  test("gets values and attributes, and decides", () => {
    const seen: unknown[] = [];
    const fits = (x: RuleValue, c: RuleValue, number: number): boolean => {
      seen.push([x.type.shape.length, c.op, c.data()?.data.length, number, x.readers]);
      return x.op === "conv2d" || x.op === "input";
    };
    const { value } = run({ rules: rules(fits as never).value!.rules, passes: ["apply-rules"] });
    expect(printGraph(value!.module)).toContain("clip(a, low=0.25)");
    expect(seen).toContainEqual([4, "constant", 1, 3, 1]);
    const never = run({ rules: rules(() => false).value!.rules, passes: ["apply-rules"], trustRules: true });
    expect(printGraph(never.value!.module)).toContain("max(");
  });

  test("gets the values of a list", () => {
    const lengths: number[] = [];
    const count = (xs: readonly RuleValue[]): boolean => lengths.push(xs.length) > 0;
    const { value } = parseRules(
      "rule r: concat(xs.., axis=i) => concat(xs.., axis=i) when count_of(xs)",
      "r.net",
      {
        predicates: { count_of: count as never },
      },
    );
    checkRule(value!.rules[0]!);
    expect(new Set(lengths).size).toBeGreaterThan(1);
  });

  test.each<[string, (...all: never[]) => boolean, string]>([
    ["throws", () => JSON.parse("?") as boolean, "predicate `fits` throws SyntaxError"],
    ["gives something else", () => 1 as never, "must give true or false, and gave number"],
  ])("that %s is an error", (_, fits, message) => {
    const { diagnostics } = run({ rules: rules(fits).value!.rules });
    expect(diagnostics[0]).toMatchObject({ code: "failed-rule" });
    expect(diagnostics[0]?.message).toContain(message);
  });

  test("has a name of its own", () => {
    expect(() => parseRules("", "r.net", { predicates: { constant: () => true } })).toThrow(
      /`constant` is known already/,
    );
    const { diagnostics } = parseRules("rule r: relu(x) => x when fitz(x)", "r.net", {
      predicates: { fits: () => true },
    });
    expect(diagnostics[0]).toMatchObject({ code: "unknown-op", help: ["did you mean `fits`?"] });
  });
});

test("a copy of a rule with another condition is no rule", () => {
  const [rule] = parseRules("rule r: max(x, c) => clip(x, low=value(c))", "r.net").value!.rules;
  expect(() => run({ rules: [{ ...rule!, name: "copy" }] })).toThrow(
    /as `parseRules` and `nativeRule` make them, and no copies/,
  );
});

test("a rule that names no op, or gives a number for a tensor", () => {
  const rule = (ops: readonly string[]) =>
    nativeRule({ name: "wrong", ops: ops as NativeRuleOptions["ops"], rewrite: () => 3 });
  expect(() => rule(["rellu"])).toThrow(/there is no op rellu: did you mean `relu`/);
  expect(() => rule([])).toThrow(/at least one op/);
  const { diagnostics } = optimize(elaborate(parse(text, "small.net").value!).value!, {
    rules: [rule(["neg"])],
  });
  expect(diagnostics.map(({ code, message }) => [code, message])).toEqual([
    [
      "failed-rule",
      expect.stringMatching(/gives a number in place of a value of type f32.*must give a value/),
    ],
  ]);
});
