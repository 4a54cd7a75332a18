// Writes the page of `cleave inspect --html`, which shows what each pass and rule did, or two graphs side by side.

import { programOf } from "#film/program.js";
import type { FilmOptions as PageContent } from "#film/film.js";
import { comparisonOf, filmOf } from "#film/film.js";
import { lineText } from "#diagnostic/escape.js";
import { given } from "#diagnostic/given.js";
import { error } from "#diagnostic/diagnostic.js";
import type { Diagnostic } from "#diagnostic/diagnostic.js";
import { bytesText } from "#ir/units.js";
import type { Module } from "#ir/weights.js";
import type { Model } from "#node/read-model.js";
import { writeFileAtomically } from "#node/write-file.js";
import type { InputRun } from "../inputs/runs.js";
import { readRuns } from "../inputs/runs.js";
import { readDevices } from "./devices.js";
import { loadModel } from "./load.js";
import { measureModel } from "./measure.js";
import { hasKernels, optimizeModel } from "./optimize.js";
import { sidesOf } from "./sides.js";
import type { PageOptions } from "../options/film.js";
import type { ModelOptions } from "../options/model.js";
import type { PassOptions } from "../options/passes.js";
import { exit, report } from "../output/terminal.js";
import type { Session } from "../session/session.js";

export interface FilmOptions extends ModelOptions, PassOptions, PageOptions {
  readonly html: string;
  readonly after?: string;
  readonly diff?: string;
}

export async function writeFilm(path: string, options: FilmOptions, session: Session): Promise<void> {
  const { html, diff } = options;
  if (diff !== undefined && options.profile) {
    const help = ["leave out --profile, or --diff"];
    return tell(
      [error("wrong-usage", "a page of two graphs has no times", { help })],
      session,
      exit.wrongUsage,
    );
  }
  const model = loadModel(path, options, session);
  const run = model && (await inputOf(model, options, session));
  if (!model || !run) return undefined;
  const page =
    diff === undefined
      ? await film(model, run.sample, options, session)
      : await comparison(model, diff, run.sample, options, session);
  if (page === undefined) return undefined;
  const { diagnostics } = writeFileAtomically(html, page, model.files);
  tell(diagnostics, session);
  if (diagnostics.length === 0)
    session.terminal.out(`wrote ${lineText(html)}, ${bytesText(Buffer.byteLength(page))}\n`);
  return undefined;
}

function tell(diagnostics: readonly Diagnostic[], session: Session, code = 0): undefined {
  session.code = Math.max(session.code, code, report(session.terminal, diagnostics, new Map()));
}

type Sample = PageContent["sample"];

/** The input whose values the page shows, if one is asked for; undefined after errors. */
async function inputOf(
  model: Model,
  { input, ...options }: FilmOptions,
  session: Session,
): Promise<{ readonly sample: Sample } | undefined> {
  if (input.length === 0) return { sample: undefined };
  const files = input.length === 1 && input[0] === "random" ? [] : input;
  const runs = await readRuns(model, files, options, session);
  if (!runs) return undefined;
  const [first, second] = runs;
  if (second) {
    const help = ["give one file for each input of the net"];
    return tell(
      [error("wrong-usage", "a page shows the values of one run", { help })],
      session,
      exit.wrongUsage,
    );
  }
  return { sample: first && sampleOf(first) };
}

function sampleOf({ name, inputs }: InputRun): Sample {
  return { name, values: inputs };
}

async function film(
  model: Model,
  sample: Sample,
  options: FilmOptions,
  session: Session,
): Promise<string | undefined> {
  const { after } = options;
  const until = after === undefined || after === "all" ? options : { ...options, stopAfter: after };
  const optimized = optimizeModel(model, until, session);
  const devices = readDevices(options, session);
  if (!optimized || !devices) return undefined;
  const { module } = optimized;
  const isWhole = until.stopAfter === undefined;
  if (isWhole && !hasKernels(module, model, options.target, session)) return undefined;
  const measured =
    options.profile && isWhole
      ? await measureModel(model, module, { ...options, threads: 1, runs: 20 }, session)
      : undefined;
  if (options.profile && isWhole && !measured) return undefined;
  session.progress.show("making the page");
  const program = isWhole
    ? programOf(module, {
        target: options.target,
        devices,
        sources: model.sources,
        ...given({ f16: options.f16, profile: measured }),
      })
    : undefined;
  return pageOf(
    await filmOf(model, optimized, {
      made: `target ${options.target}`,
      sources: model.sources,
      ...given({ program, sample }),
    }),
    session,
  );
}

async function comparison(
  model: Model,
  what: string,
  sample: Sample,
  options: FilmOptions,
  session: Session,
): Promise<string | undefined> {
  const sides = sidesOf(model, what, options, session);
  if (!sides) return undefined;
  session.progress.show("making the page");
  const { before, after, labels, sources } = sides;
  const modules: readonly [Module, Module] = [before, after];
  const made = { made: `target ${options.target}`, sources, ...given({ sample }) };
  return pageOf(await comparisonOf(modules, labels, made), session);
}

function pageOf(
  { value, diagnostics }: { readonly value?: string; readonly diagnostics: readonly Diagnostic[] },
  session: Session,
): string | undefined {
  tell(diagnostics, session);
  return value;
}
