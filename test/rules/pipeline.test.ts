// Where the user's own rules run, which of them are refused, and that rules of the model's own file apply: in the API and in the command.

import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { compile, elaborate, optimize, parse, parseRules, passes, printGraph } from "../../src/index.js";
import type { OptimizeOptions } from "../../src/index.js";
import { checkRules } from "#compile/check-rules.js";
import { placeRules } from "#compile/place-rules.js";
import { targetOf } from "#compile/targets.js";
import { cleave } from "../cli/terminal.js";

const net = `net order {
  input x: f32[N, 4, 4, 3]
  a = x - 3
  b = conv2d(x, filters=3, kernel=1x1) |> batch_norm |> relu
  output y = a + b / 6
}
`;

function rulesOf(text: string) {
  const { value, diagnostics } = parseRules(text, "rules.net");
  expect(diagnostics).toEqual([]);
  return value!;
}

function optimized(text: string, options: OptimizeOptions = {}): string {
  const model = elaborate(parse(net, "order.net").value!).value!;
  const { value, diagnostics } = optimize(model, { ...rulesOf(text), without: ["fuse"], ...options });
  return value ? printGraph(value.module) : diagnostics.map(({ code }) => code).join();
}

describe("by default rules see the graph as it was written, and again as built-in rules left it", () => {
  test.each([
    ["as written: a difference", "rule r: x - 3 => abs(x)", "abs(x)"],
    ["as written: a batch norm", "rule r: relu(batch_norm(x, s, o, m, v)) => sigmoid(x)", "sigmoid("],
    ["as written: a quotient", "rule r: x / 6 => abs(x)", "abs("],
    ["as left: the sum that a difference becomes", "rule r: x + -3 => abs(x)", "abs(x)"],
    ["as left: no batch norm between", "rule r: relu(conv2d(x, w, b)) => abs(conv2d(x, w, b))", "abs("],
  ])("%s", (_, rule, made) => {
    expect(optimized(rule, { trustRules: true })).toContain(made);
  });
});

test("a rule with the name of a built-in one gives a warning at its place", () => {
  const text = "rule other: neg(neg(x)) => x\nrule add_zero: square(abs(x)) => square(x)";
  const model = elaborate(parse(net, "order.net").value!).value!;
  const { value, diagnostics } = optimize(model, rulesOf(text));
  expect(value).toBeDefined();
  expect(diagnostics).toMatchObject([
    { severity: "warning", code: "repeated-name", span: { start: text.indexOf("rule add_zero") } },
  ]);
});

describe("a chosen place", () => {
  const rule = "rule r: x - 3 => x + neg(3)";

  test("a rule matches before the pass that rewrites its left side, and not after it", () => {
    const difference = "rule r: x - 3 => abs(x)";
    const at = (...rulesAt: string[]): string => optimized(difference, { trustRules: true, rulesAt });
    expect(at("before canonicalize")).toContain("abs(x)");
    expect(at("after fold-batch-norm")).not.toContain("abs(x)");
    expect(at("after fold-batch-norm", "after fold-constants")).toContain("abs(x)");
    expect(at("before fuse")).not.toContain("abs(x)");
  });

  test("`before` means the first, `after` the last of a pass that runs twice", () => {
    const names = (place: string): string[] => placeRules(passes, [place]).value!.map(({ name }) => name);
    expect(names("before eliminate-dead-nodes")[0]).toBe("apply-rules");
    expect(names("after eliminate-dead-nodes").indexOf("apply-rules")).toBeGreaterThan(5);
    expect(names("after fuse").at(-1)).toBe("apply-rules");
    expect(names("before fuse").filter((name) => name === "apply-rules")).toHaveLength(1);
  });

  test("a malformed place, and an unknown pass", () => {
    expect(placeRules(passes, ["canonicalize"]).diagnostics[0]).toMatchObject({ code: "wrong-place" });
    expect(placeRules(passes, ["before canonicalise"]).diagnostics[0]).toMatchObject({
      code: "unknown-pass",
      help: ["did you mean `canonicalize`?"],
    });
    expect(optimized(rule, { rulesAt: ["before nothing"] })).toBe("unknown-pass");
  });
});

describe("a set of rules", () => {
  const set = (place: string): string => `rules mine ${place} {\n  rule r: x - 3 => abs(x)\n}\n`;

  test("applies at its place, whatever the place of other rules is", () => {
    expect(optimized(set("before canonicalize"), { trustRules: true })).toContain("abs(x)");
    expect(optimized(set("after fold-batch-norm"), { trustRules: true })).not.toContain("abs(x)");
    const rulesAt = ["before canonicalize"];
    expect(optimized(set("after canonicalize"), { trustRules: true, rulesAt })).not.toContain("abs(x)");
    expect(optimized(set(""), { trustRules: true })).toContain("abs(x)");
  });

  test("has a pass, and those of one place keep their order", () => {
    const text = `${set("before fuse")}rules other before fuse {\n  rule s: relu(x) => abs(x)\n}\n`;
    const names = placeRules(passes, [], rulesOf(text).rules).value!.map(({ name }) => name);
    expect(names.slice(-3)).toEqual(["apply-rules-mine", "apply-rules-other", "fuse"]);
    expect(optimized(set("before canonicalize"), { without: ["apply-rules-mine", "fuse"] })).not.toContain(
      "abs",
    );
  });

  test("an unknown pass is an error in the text", () => {
    const { diagnostics } = placeRules(passes, [], rulesOf(set("before canonicalise")).rules);
    expect(diagnostics[0]).toMatchObject({ code: "unknown-pass", span: { file: "rules.net", start: 11 } });
  });

  test("is checked, and told where it never matches", () => {
    expect(optimized(set("before canonicalize"))).toContain("rule-not-equal");
    const late = rulesOf("rules late after canonicalize {\n  rule r: x - 3 => x + -3\n}\n").rules;
    const codes = checkRules(late, placeRules(passes, [], late).value!, targetOf().target).map(
      ({ code }) => code,
    );
    expect(codes).toEqual(["rule-never-matches"]);
  });

  test.each(["mine", "r"])("is switched off by the name %s", (name) => {
    expect(optimized(set("before canonicalize"), { withoutRules: [name] })).not.toContain("abs(x)");
    expect(optimized(set(""), { withoutRules: [name] })).not.toContain("abs(x)");
  });
});

describe("a rule that never matches at its place", () => {
  const told = (text: string, ...places: string[]) =>
    checkRules(rulesOf(text).rules, placeRules(passes, places).value!, targetOf().target).filter(
      ({ code }) => code === "rule-never-matches",
    );

  test.each([
    ["x - 3 => x + -3", "`sub_constant` (canonicalize)"],
    ["x / 6 => x * 0.16666667", "`div_constant` (canonicalize)"],
    ["pow(x, 2) => square(x)", "`pow_two` (canonicalize)"],
    [
      "relu(batch_norm(conv2d(x, w, b, ..a), s, o, m, v)) => relu(batch_norm(conv2d(x, w, b * 1, ..a), s, o, m, v)) when constant(w, b, s, o, m, v)",
      "`fold_batch_norm` (fold-batch-norm)",
    ],
    ["neg(neg(x)) => x", "`neg_neg` (canonicalize)"],
    [
      "max_pool(pad(x, before=f, after=t, value=-inf), kernel=k) => max_pool(x, kernel=k, padding=image_padding(f, t))",
      "`max_pool_of_pad` (fold-padding)",
    ],
    ["c * d => d when constant(c, d) and value(c) == 1", "`fold-constants`"],
  ])("rule r: %s", (rule, by) => {
    const [warning] = told(`rule r: ${rule}`, "after fold-batch-norm");
    expect(warning?.message).toContain(by);
    expect(warning?.example).toContain("output");
  });

  test("no warning where it matches, as it does at the default places", () => {
    expect(told("rule r: x - 3 => x + -3")).toEqual([]);
    expect(told("rule r: x - 3 => x + -3", "before canonicalize")).toEqual([]);
    expect(told("rule r: x - 3 => x + -3", "before canonicalize", "before fuse")).toEqual([]);
    expect(told("rule r: x + -3 => x - 3", "after fold-batch-norm")).toEqual([]);
  });

  test("optimize warns too", () => {
    const model = elaborate(parse(net, "order.net").value!).value!;
    const { diagnostics } = optimize(model, {
      ...rulesOf("rule r: x - 3 => x + -3"),
      rulesAt: ["after fold-batch-norm"],
    });
    expect(diagnostics.map(({ code }) => code)).toEqual(["rule-never-matches"]);
  });
});

describe("a rule that a check refutes is refused", () => {
  test.each([
    ["sides that differ", "rule r: relu(x) => abs(x)", "rule-not-equal"],
    ["what could not be compared", "rule r: relu(x) => abs(x) when rank(x) > rank(x)", "rule-not-checked"],
    ["a loop", "rule r: x + y => y + x", "rule-loop"],
  ])("%s", (_, rule, code) => {
    expect(optimized(rule)).toContain(code);
  });

  test("unless the rules are trusted, or do not apply", () => {
    expect(optimized("rule r: relu(x) => abs(x)", { trustRules: true })).toContain("abs(");
    expect(optimized("rule r: relu(x) => abs(x)", { without: ["apply-rules"] })).not.toContain("abs(");
    expect(optimized("rule approx(0.001) r: relu(x) => abs(x)")).toContain("relu(");
    expect(optimized("rule approx(0.001) r: relu(x) => abs(x)", { approx: true })).toBe("rule-not-equal");
  });
});

describe("rules of the model's own file", () => {
  const file = (rule: string): string => `${rule}\nnet n {\n  input x: f32[N, 4]\n  output y = relu(x)\n}\n`;
  const ops = (text: string, own?: string): string[] => {
    const after: string[] = [];
    const result = compile(text, {
      trustRules: true,
      ...(own === undefined ? {} : rulesOf(own)),
      onPass: (_, { graph }) => void (after[0] = [...graph.nodes.values()].map(({ op }) => op).join()),
    });
    expect(result.value).toBeDefined();
    return after;
  };

  test("apply to it, after the caller's rules", () => {
    expect(ops(file("rule r: relu(x) => abs(x)"))).toEqual(["input,abs"]);
    expect(ops(file("rule r: relu(x) => abs(x)"), "rule o: relu(x) => tanh(x)")).toEqual(["input,tanh"]);
    expect(ops(file("rule r: tanh(x) => abs(x)"), "rule o: relu(x) => tanh(x)")).toEqual(["input,abs"]);
  });

  test("are refused if they are refuted, and their mistakes are errors", () => {
    expect(compile(file("rule r: relu(x) => abs(x)")).diagnostics[0]).toMatchObject({
      code: "rule-not-equal",
    });
    expect(compile(file("rule r: rellu(x) => x")).diagnostics[0]).toMatchObject({ code: "unknown-op" });
  });
});

describe("on the command line", () => {
  const folder = mkdtempSync(join(tmpdir(), "cleave-rules-"));
  const model = join(folder, "order.net");
  const wrong = join(folder, "wrong.net");
  const same = join(folder, "same.net");
  writeFileSync(model, net);
  writeFileSync(wrong, "rule r: x - 3 => abs(x)\n");
  writeFileSync(same, `rule r: x - 3 => abs(x)\n${net}`);
  afterAll(() => rmSync(folder, { recursive: true }));

  test.each([
    ["compile", ["-o", join(folder, "out")]],
    ["run", ["--quiet"]],
    ["verify", []],
    ["profile", ["--runs", "1"]],
    ["explain", ["--schedule"]],
    ["inspect", ["--after", "all"]],
    ["export", ["-o", join(folder, "out.onnx")]],
  ])("%s refuses rules that are refuted, and those of the model's own file", async (command, options) => {
    const known = options.filter((option) => option !== "--quiet");
    for (const args of [
      [model, "--rules", wrong],
      [same, ...(command === "export" ? ["--after", "all"] : [])],
    ]) {
      const { code, err } = await cleave(command, ...args, ...known);
      expect(err).toContain("the sides of rule `r` differ");
      expect(err).toContain("--trust-rules");
      expect(code).toBe(1);
    }
    expect(existsSync(join(folder, "out"))).toBe(false);
    expect(existsSync(join(folder, "out.onnx"))).toBe(false);
  });

  test("--trust-rules applies them, --rules-at sets their place", async () => {
    const dump = async (...more: string[]): Promise<string> => {
      const rules = ["--rules", wrong, "--trust-rules", "--after", "apply-rules"];
      const { code, out } = await cleave("inspect", model, ...rules, ...more);
      expect(code).toBe(0);
      return out;
    };
    expect(await dump()).toContain("abs(x)");
    expect(await dump("--rules-at", "before canonicalize")).toContain("abs(x)");
    expect(await dump("--rules-at", "after canonicalize")).not.toContain("abs(x)");
    const { code, err } = await cleave("inspect", model, "--after", "all", "--rules-at", "canonicalize");
    expect(err).toContain("`canonicalize` is not a place for rules");
    expect(code).toBe(2);
  });

  test("check takes --rules-at", async () => {
    const { err, code } = await cleave("check", wrong, "--rules-at", "befor canonicalize");
    expect(err).toContain("not a place for rules");
    expect(code).toBe(2);
    writeFileSync(join(folder, "late.net"), "rule r: x - 3 => x + -3\n");
    const late = await cleave("check", join(folder, "late.net"), "--rules-at", "after canonicalize");
    expect(late.err).toContain(
      "never matches at its place: the built-in rule `sub_constant` (canonicalize) rewrites its left side first",
    );
  });
});
