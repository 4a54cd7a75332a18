// The two graphs that `--diff` names: those of two models, or of one model before and after passes.

import { basename } from "node:path";
import type { Module } from "#ir/weights.js";
import type { Model } from "#node/read-model.js";
import type { ModelOptions } from "../options/model.js";
import type { PassOptions } from "../options/passes.js";
import type { Session } from "../session/session.js";
import { loadModel } from "./load.js";
import { moduleAfter, optimizeModel } from "./optimize.js";

export interface Sides {
  readonly before: Module;
  readonly after: Module;
  /** What they are called. */
  readonly labels: readonly [string, string];
  readonly sources: ReadonlyMap<string, string>;
}

export interface SideOptions extends ModelOptions, PassOptions {
  /** The pass after which two models are compared. */
  readonly after?: string;
}

/** The graphs that `what` names: a file, passes A..B, a pass or `all`; undefined after errors. */
export function sidesOf(
  model: Model,
  what: string,
  options: SideOptions,
  session: Session,
): Sides | undefined {
  const { sources } = model;
  if (isFile(what)) {
    const other = loadModel(what, options, session);
    const before = other && moduleAfter(model, options.after, options, session);
    const after = other && moduleAfter(other, options.after, options, session);
    if (!before || !after) return undefined;
    const names = [...model.files.slice(0, 1), what].map((file) => basename(file));
    const labels = [names[0] ?? "", names[1] ?? ""] as const;
    return { before, after, labels, sources: new Map([...sources, ...other.sources]) };
  }
  const at = what.indexOf("..");
  if (at >= 0) {
    const [from, to] = [what.slice(0, at), what.slice(at + 2)];
    const before = moduleAfter(model, from === "" ? undefined : from, options, session);
    const after = before && moduleAfter(model, to === "" ? "all" : to, options, session);
    const labels = [
      from === "" ? "as written" : `after ${from}`,
      `after ${to === "" ? "all passes" : to}`,
    ] as const;
    return before && after && { before, after, labels, sources };
  }
  const until = what === "all" ? options : { ...options, stopAfter: what };
  const run = optimizeModel(model, until, session);
  if (!run) return undefined;
  if (what === "all")
    return { before: model, after: run.module, labels: ["as written", "after all passes"], sources };
  // If a pass runs twice, this is the last run that changed something.
  const runs = run.trace.filter(({ pass }) => pass.name === what);
  const one = runs.findLast(({ before, after }) => before.graph !== after.graph) ?? runs.at(-1);
  return (
    one && { before: one.before, after: one.after, labels: [`before ${what}`, `after ${what}`], sources }
  );
}

/** Whether an argument is a file: files have an extension, passes do not. */
export function isFile(what: string): boolean {
  return /(?<!\.)\.\w+$/.test(what);
}
