// Fusing, by cases: a net, its kernels, and the chains that were not fused, with the reasons.

import { expect, test } from "vitest";
import { parse } from "#grammar/reading/parse.js";
import { render } from "#diagnostic/render.js";
import { printGraph } from "#inspect/lift.js";
import type { Chains, Target } from "#ir/target.js";
import type { FuseReport } from "#passes/fuse.js";
import { fuse } from "#passes/fuse.js";
import { planFusions } from "#passes/fuse/plan-fusions.js";
import { compileFusions } from "#rewrite/fusion/fusion.js";
import { verify } from "#ops/verify.js";
import { isOp, opOf } from "#ops/index.js";
import { chainText, templateNames, templates } from "#template/templates.js";
import { cases } from "../cases.js";
import { testTarget } from "../passes/target.js";
import { moduleOf } from "../schedule/module-of.js";

/** A file holds `fuse` items, which are the user's own, and one net. Options replace fields of the target. */
function fused(text: string, options: Readonly<Record<string, unknown>>): string {
  const target: Target = { ...testTarget, ...options };
  const own = compileFusions(parse(text, "test.net").value?.items ?? []).value ?? [];
  let report: FuseReport | undefined;
  const lines: string[] = [];
  const result = fuse.run(moduleOf(text), {
    target,
    options: { fusions: own, onFused: (heard) => void (report = heard) },
    report: ({ severity, message }) => void lines.push(`${severity}: ${message}`),
  });
  expect(verify(result)).toEqual([]);
  lines.push(printGraph(result, { types: false }).trimEnd());
  for (const { fusion, nodes, reason } of report!.refusals)
    lines.push(`not ${fusion}: ${nodes.map(({ name }) => name).join(" -> ")}: ${reason}`);
  return lines.join("\n");
}

cases(import.meta.dirname, "chains.txt", (text, { options }) => fused(text, options));
cases(import.meta.dirname, "legality.txt", (text, { options }) => fused(text, options));
cases(import.meta.dirname, "cost.txt", (text, { options }) => fused(text, options));

cases(import.meta.dirname, "errors.txt", (text) => {
  const parsed = parse(text, "mine.net");
  const { diagnostics } = compileFusions(parsed.value?.items ?? []);
  return render([...parsed.diagnostics, ...diagnostics], new Map([["mine.net", text]]), { color: false });
});

test("a second run changes nothing", () => {
  const module = moduleOf(
    "net n {\n input x: f32[1, 4, 4, 2]\n output y = relu(abs(x)) |> max_pool(kernel=2x2) |> tanh\n}\n",
  );
  const context = { target: testTarget, options: {}, report: () => {} };
  const once = fuse.run(module, context);
  expect(once.graph.kernels.size).toBeGreaterThan(0);
  expect(fuse.run(once, context)).toBe(once);
});

test("a chain that is too long becomes several kernels", () => {
  const lines = Array.from({ length: 60 }, (_, at) => `  x = ${at % 2 === 0 ? "tanh" : "abs"}(x)`);
  const module = moduleOf(`net n {\n  input x: f32[1, 4]\n${lines.join("\n")}\n  output x\n}\n`);
  const { groups, refusals } = planFusions(module.graph, testTarget);
  expect(groups.map((group) => group.nodes.length)).toEqual([48, 12]);
  expect(refusals.map(({ reason }) => reason)).toContain("a kernel holds 48 ops at most");
});

test.each(templateNames.filter((name) => templates[name].epilogue))(
  "a fusion may describe what the template %s holds",
  (name) => {
    const isView = templates[name].stages.some(
      (stage) => isOp(stage) && opOf(stage).classes.includes("view"),
    );
    for (const chain of [chainText(name), chainText(name).replaceAll("elementwise*", "relu?")]) {
      const { diagnostics } = compileFusions(parse(`fuse mine: ${chain}\n`, "mine.net").value!.items);
      const codes = diagnostics.map(({ code }) => code);
      expect(codes, chain).toEqual(isView || !/[*>]/.test(chain) ? [expect.any(String)] : []);
    }
  },
);

test.each([
  "convolution -> activation+",
  "elementwise* -> pooling -> elementwise?",
  "depthwise -> pointwise+",
  "softmax? -> reduction -> add",
  "global_avg_pool -> tanh* -> dense",
])("a fusion may leave out, repeat and name classes: %s", (chain) => {
  expect(compileFusions(parse(`fuse mine: ${chain}\n`, "mine.net").value!.items).diagnostics).toEqual([]);
});

test("the repeated work of strips is a whole number", () => {
  const found = new Set<string>();
  for (let height = 6; height <= 30; height += 1)
    for (const [kernel, stride] of [
      [3, 1],
      [3, 2],
      [5, 1],
    ]) {
      const { graph } = moduleOf(`net test {
  input x: f32[1, ${height}, 14, 8]
  e = conv2d(x, filters=24, kernel=1x1) |> relu6
  d = depthwise_conv2d(e, kernel=${kernel}x${kernel}, stride=${stride}, padding=same) |> relu6
  output y = conv2d(d, filters=8, kernel=1x1)
}`);
      const chains: Chains = { stages: 3, keeps: ["rows"] };
      const target: Target = {
        ...testTarget,
        chains,
        scratchBytes: 24_000,
        denseMacs: 1e12,
        depthwiseMacs: 1e12,
      };
      for (const { plan } of planFusions(graph, target).groups) {
        expect([height, plan.extraBytes % 1, plan.extraMacs % 1]).toEqual([height, 0, 0]);
        if (plan.extraMacs > 0) found.add(plan.template);
      }
    }
  expect([...found]).toEqual(["inverted_residual"]);
});
