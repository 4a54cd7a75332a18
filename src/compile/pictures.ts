// Adds to a module what is known about its pictures and classes: how pictures become values of an input, and what classes are called.

import { expectModule } from "#diagnostic/argument.js";
import type { Diagnostic, Result } from "#diagnostic/diagnostic.js";
import { error } from "#diagnostic/diagnostic.js";
import { given } from "#diagnostic/given.js";
import type { OptionKinds } from "#diagnostic/options.js";
import { aBoolean, aNumber, aText, expectOptions, listOf, oneOf } from "#diagnostic/options.js";
import { didYouMean } from "#diagnostic/suggest.js";
import type { Graph, Node } from "#ir/graph.js";
import { inputNodes, nodeOf } from "#ir/graph.js";
import type { Preprocess } from "#ir/preprocess.js";
import { classesOf, fits, layouts, orders } from "#ir/preprocess.js";
import { plural } from "#ir/units.js";
import type { Module } from "#ir/weights.js";
import { preprocessOf } from "#ops/preprocess.js";

/** What `takePictures` takes; `docs/pictures.md` explains each. */
export interface PictureOptions extends Partial<Preprocess> {
  /** Whether an input takes pictures; true by default. Without, only the labels are added. */
  readonly image?: boolean;
  /** Which input takes pictures; by default the only one that has their shape. */
  readonly input?: string;
  /** Names of the classes, in order; for each output with as many values. */
  readonly labels?: readonly string[];
}

const pictureKinds: OptionKinds<PictureOptions> = {
  image: aBoolean,
  input: aText,
  labels: listOf("names of classes", aText),
  scale: aNumber,
  mean: listOf("numbers", aNumber),
  std: listOf("numbers", aNumber),
  fit: oneOf(fits),
  crop: aNumber,
  pad: aNumber,
  order: oneOf(orders),
  layout: oneOf(layouts),
};

/**
 * The module, of which an input takes pictures, as `input … preprocess(…)` of the language says. What the options do not say is as the
 * module says it, or the default. Diagnostics: `wrong-input`, `wrong-labels`.
 */
export function takePictures<M extends Module>(module: M, options: PictureOptions = {}): Result<M> {
  expectModule("takePictures", module);
  expectOptions("takePictures", options, pictureKinds);
  const { image = true, input, labels, ...rest } = options;
  const said = given(rest);
  let { graph } = module;
  if (image) {
    const chosen = chooseInput(module, input, said);
    if (!("op" in chosen)) return { diagnostics: [chosen] };
    const { value, problem } = preprocessOf(module, chosen, { ...graph.pictures?.get(chosen.name), ...said });
    if (problem !== undefined)
      return { diagnostics: [error("wrong-input", `input \`${chosen.name}\`: ${problem}`)] };
    graph = { ...graph, pictures: new Map([...(graph.pictures ?? []), [chosen.name, value]]) };
  }
  if (labels) {
    const named = withLabels(graph, labels);
    if (!("nodes" in named)) return { diagnostics: [named] };
    graph = named;
  }
  return { value: { ...module, graph }, diagnostics: [] };
}

function chooseInput(module: Module, name: string | undefined, said: Partial<Preprocess>): Node | Diagnostic {
  const { graph } = module;
  const inputs = inputNodes(graph);
  const names = inputs.map((input) => input.name);
  if (name !== undefined) {
    const found = inputs.find((input) => input.name === name);
    if (found) return found;
    const near = didYouMean(name, names);
    const help = near.length > 0 ? near : [`it has ${names.join(", ")}`];
    return error("unknown-input", `${graph.name} has no input \`${name}\``, { help });
  }
  const known = inputs.filter((input) => graph.pictures?.has(input.name));
  const fitting = inputs.filter((input) => preprocessOf(module, input, said).problem === undefined);
  const candidates = [known, fitting, inputs].find((some) => some.length > 0) ?? [];
  const [only, ...others] = candidates;
  if (only && others.length === 0) return only;
  if (!only) return error("wrong-input", `${graph.name} has no input`);
  const list = candidates.map((input) => `${input.name} [${input.type.shape.join(", ")}]`).join(", ");
  return error("wrong-input", `${graph.name} has several inputs that may be pictures: ${list}`, {
    help: ["--image-input NAME chooses one"],
  });
}

function withLabels(graph: Graph, labels: readonly string[]): Graph | Diagnostic {
  const counts = graph.outputs.map(({ node }) => classesOf(nodeOf(graph, node).type.shape));
  const named = graph.outputs.filter((_, at) => counts[at] === labels.length);
  if (named.length > 0)
    return {
      ...graph,
      labels: new Map([...(graph.labels ?? []), ...named.map(({ name }) => [name, labels] as const)]),
    };
  const has = counts.length === 1 ? "the output has" : "the outputs have";
  const wide = counts.map((count) => (count === undefined ? "no axis of classes" : plural(count, "value")));
  const are = labels.length === 1 ? "is" : "are";
  return error(
    "wrong-labels",
    `there ${are} ${plural(labels.length, "label")}, but ${has} ${wide.join(", ")}`,
  );
}
