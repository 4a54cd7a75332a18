// Selects the passes that run: `--passes`, `--without`, `--from`, `--stop-after`; also checks the names of `--print-after`.

import type { Diagnostic, Result } from "#diagnostic/diagnostic.js";
import { error } from "#diagnostic/diagnostic.js";
import { didYouMean } from "#diagnostic/suggest.js";
import type { Pass } from "./pass.js";

export interface Selection {
  /** Only these, in this order; a name may occur twice. */
  readonly passes?: readonly string[];
  /** All except these. */
  readonly without?: readonly string[];
  /** Only the passes after this one run, because the module is a dump of the graph after it. */
  readonly from?: string;
  /** No pass runs after this one. */
  readonly stopAfter?: string;
  /** Only checked here; the instrument `printing` uses it. */
  readonly printAfter?: readonly string[];
}

/** The passes to run out of `all`, or errors that name unknown passes. */
export function selectPasses<Options>(
  all: readonly Pass<Options>[],
  selection: Selection,
): Result<readonly Pass<Options>[]> {
  const diagnostics: Diagnostic[] = [];
  const names = all.map((pass) => pass.name);
  const find = (name: string): Pass<Options> | undefined => {
    const pass = all.find((one) => one.name === name);
    if (!pass) {
      const near = didYouMean(name, names);
      diagnostics.push(
        error("unknown-pass", `there is no pass \`${name}\``, {
          help: near.length > 0 ? near : [`there are ${[...new Set(names)].join(", ")}`],
        }),
      );
    }
    return pass;
  };
  let chosen = selection.passes ? selection.passes.map(find).filter((pass) => pass !== undefined) : [...all];
  for (const name of selection.without ?? []) {
    const pass = find(name);
    chosen = chosen.filter((one) => one !== pass);
  }
  for (const name of selection.printAfter ?? []) if (name !== "all") find(name);
  /** The number of passes up to the last run of one; an error if it does not run. */
  const upTo = (name: string, consequence: string): number => {
    const pass = find(name);
    const at = pass ? chosen.lastIndexOf(pass) : -1;
    if (pass && at < 0)
      diagnostics.push(error("unknown-pass", `pass \`${pass.name}\` does not run, so ${consequence}`));
    return at + 1;
  };
  const { from, stopAfter } = selection;
  const end = stopAfter === undefined ? chosen.length : upTo(stopAfter, "nothing stops after it");
  const start = from === undefined ? 0 : upTo(from, "nothing begins after it");
  chosen = [...chosen.slice(0, start).filter((pass) => pass.isUnwritten), ...chosen.slice(start, end)];
  return diagnostics.length > 0 ? { diagnostics } : { value: chosen, diagnostics };
}
