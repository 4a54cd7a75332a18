// One module for several targets: the parts of each in a function of its own, and one runtime that chooses among them.

import { jsString } from "#diagnostic/escape.js";
import { given } from "#diagnostic/given.js";
import { runtimeTexts } from "#runtime/text.js";
import type { Artifact, Emitted, EmitOptions } from "./artifact.js";
import { joinSections, section } from "./module-text.js";
import { comment } from "./text.js";

/** A module for several targets. */
export interface AutoArtifact extends Pick<Artifact, "name" | "module" | "format" | "types" | "worker"> {
  /** The targets in the order in which the module tries them, with what is true of each. */
  readonly targets: readonly (Omit<Artifact, "name" | "module" | "types" | "worker"> & {
    /** Modelled, for one sample, from the call of `run` to its result. */
    readonly seconds: number;
  })[];
}

/** Joins the modules of a net for several targets, the preferred one first; `types` are their common declarations. */
export function joinTargets(
  name: string,
  parts: readonly { readonly emitted: Emitted; readonly seconds: number }[],
  types: string,
  options: Pick<EmitOptions, "version"> & {
    /** The order of the parts: by modelled time, or as the caller gave them. */
    readonly order: "time" | "given";
    /** Whether the shaders were made for software adapters. */
    readonly forSoftware: boolean;
  },
): AutoArtifact {
  const [first] = parts;
  const shared = [...new Set(parts.flatMap(({ emitted }) => emitted.text.shared))];
  const targets = parts.map(({ emitted }) => emitted.target);
  const rows = targets.map(
    (target) => `  { target: ${jsString(target)}, load: (options) => ${target}Part()(options) },\n`,
  );
  const model = `{ name: ${jsString(name)}, order: "${options.order}", forSoftware: ${options.forSoftware} }`;
  const module = joinSections([
    `${comment([`The net ${name}, compiled by Cleave ${options.version} for ${targets.join(", ")}. Do not edit.`]).join("\n")}\n`,
    `/** Reads the weights of the first target that can run here, and makes the net ready. */\nexport function load(options) {\n  return loadAuto(${model}, parts, options);\n}\n`,
    `/** The targets, the preferred one first. */\nconst parts = [\n${rows.join("")}];\n`,
    ...parts.map(({ emitted }) => partText(emitted)),
    section("Runtime"),
    runtimeTexts.auto,
    ...shared,
  ]);
  return {
    name: first?.emitted.name ?? name,
    module,
    types,
    ...given({ worker: parts.find(({ emitted }) => emitted.worker)?.emitted.worker }),
    targets: parts.map(({ emitted, seconds }) => {
      const { text: _, types: __, name: ___, worker: ____, ...facts } = emitted;
      return { ...facts, seconds };
    }),
  };
}

/** A function that makes the part of a target, not indented since shaders are texts of several lines; so a module holds in memory only the part that runs. */
function partText({ target, text }: Emitted): string {
  const body = joinSections([...text.body, ...text.machine]).replace(
    "export function load(",
    "function load(",
  );
  return `${text.head}function ${target}Part() {\n${body}\nreturn load;\n}\n`;
}
