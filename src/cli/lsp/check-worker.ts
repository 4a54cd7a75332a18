// The thread that tries rules on operands for the language server; it gives up a text when a newer one comes.

import { parentPort } from "node:worker_threads";
import { setImmediate } from "node:timers/promises";
import { checkRules } from "#compile/check-rules.js";
import { placeRules } from "#compile/place-rules.js";
import { targetOf } from "#compile/targets.js";
import { parse } from "#grammar/reading/parse.js";
import { passes } from "#passes/index.js";
import { compileRules } from "#rewrite/rule/compile/compile-rule.js";
import type { CheckedText, RuleText } from "./rule-checker.js";

let newest = 0;

parentPort?.on("message", (message: RuleText) => {
  newest = message.id;
  void check(message);
});

async function check({ id, file, text }: RuleText): Promise<void> {
  const rules = compileRules(parse(text, file).partial.items).value ?? [];
  const { target } = targetOf();
  // Sets of rules have their own places.
  const placed = placeRules(passes, [], rules);
  for (const rule of rules) {
    // Between two rules, the message about a newer text arrives.
    await setImmediate();
    if (id !== newest) return;
    checkRules([rule], passes, target); // it remembers the result for each rule
  }
  const diagnostics = placed.value ? checkRules(rules, placed.value, target) : placed.diagnostics;
  parentPort?.postMessage({ id, diagnostics } satisfies CheckedText);
}
