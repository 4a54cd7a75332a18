// The form of nets in integers, as text: which values are integers, and what belongs to the kernel of a layer.

import { samplesOf } from "#calibrate/samples.js";
import { optimize } from "#compile/optimize.js";
import { elaborate } from "#elaborate/elaborate.js";
import { parse } from "#grammar/reading/parse.js";
import { printGraph } from "#inspect/lift.js";
import { inputNodes } from "#ir/graph.js";
import { elements } from "#ir/type.js";
import { seededRandom } from "#ops/random.js";
import { collectStatistics, createStepFinder } from "#quantize/find-steps.js";
import { quantizeDynamically } from "#quantize/dynamic.js";
import { withIntegers } from "#quantize/rewrite.js";
import { cases } from "../cases.js";

cases(import.meta.dirname, "form.txt", async (text, { options }) => {
  const module = elaborate(parse(text, "form.net").value!).value!;
  const base = optimize(module, { stopAfter: "split" }).value!.module;
  if (options["samples"] === false) return statements(printGraph(quantizeDynamically(base).module));
  const random = seededRandom(1);
  const sample = () =>
    Object.fromEntries(
      inputNodes(base.graph).map(({ name, type }) => [
        name,
        Float32Array.from({ length: elements(type.shape) }, () => random.normal()),
      ]),
    );
  const samples = samplesOf(Array.from({ length: 8 }, sample));
  const { value } = await collectStatistics(base, samples, {});
  const finder = createStepFinder(base, value!);
  const left = [options["left"] ?? []]
    .flat()
    .map((name) => finder.layers.find((one) => one.name === name)!.id);
  return statements(printGraph(withIntegers(base, finder.find(new Set(left))).module));
});

/** The text without its parameters, and with three digits of scales. */
function statements(text: string): string {
  const joined = text
    .replaceAll(/\(\n\s+/g, "(")
    .replaceAll(/,\n\s+\)/g, ")")
    .replaceAll(/,\n\s+/g, ", ");
  return joined
    .split("\n")
    .filter((line) => !/^ {2}(param|\])|^ {4}/.test(line))
    .join("\n")
    .replaceAll(/\d+\.\d{4,}(?:e-\d+)?/g, (number) => Number(number).toPrecision(2));
}
