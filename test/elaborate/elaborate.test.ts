// Nets in text and the graphs or errors that they become.

import { readdirSync } from "node:fs";
import { parse } from "#grammar/reading/parse.js";
import type { Diagnostic } from "#diagnostic/diagnostic.js";
import { render } from "#diagnostic/render.js";
import { elaborate } from "#elaborate/elaborate.js";
import { printGraph } from "#inspect/lift.js";
import { elements } from "#ir/type.js";
import type { WeightFile, WeightFiles } from "#ir/weights.js";
import { cases } from "../cases.js";

const folder = import.meta.dirname;

for (const file of readdirSync(folder).filter((name) => name.endsWith(".txt"))) {
  cases(folder, file, (input, { options }) => dump(input, options));
}

/**
 * The dump of the net, or the rendered errors. Options: `net`, `dims` as an object, `seedless`, `weights` (the shapes of
 * a file `w.safetensors` by key) and `path`, which replaces the path that the net names.
 */
function dump(text: string, options: Readonly<Record<string, unknown>>): string {
  const parsed = parse(text, "net.net");
  const show = (diagnostics: readonly Diagnostic[]): string =>
    render(diagnostics, new Map([["net.net", text]]), { color: false });
  if (!parsed.value) return show(parsed.diagnostics);
  const { net, dims, seedless, weights, path } = options as {
    net?: string;
    dims?: Record<string, number>;
    seedless?: boolean;
    weights?: Record<string, number[]>;
    path?: string;
  };
  const result = elaborate(parsed.value, {
    ...(net === undefined ? {} : { net }),
    ...(dims ? { dims: new Map(Object.entries(dims)) } : {}),
    ...(seedless === undefined ? {} : { seedless }),
    ...(weights ? { weights: filesOf(weights) } : {}),
    ...(path === undefined ? {} : { weightsPath: path }),
  });
  if (!result.value) return show(result.diagnostics);
  const note = result.value.seeded ? "# seeded\n" : "";
  return `${show(result.diagnostics)}${note}${printGraph(result.value)}`;
}

function filesOf(shapes: Readonly<Record<string, readonly number[]>>): WeightFiles {
  const file: WeightFile = {
    file: "w.safetensors",
    entries: new Map(
      Object.entries(shapes).map(([key, shape]) => [
        key,
        { shape, dtype: "F32", read: () => new Float32Array(elements(shape)) },
      ]),
    ),
  };
  return {
    open: (path) =>
      path === file.file
        ? { value: file, diagnostics: [] }
        : {
            diagnostics: [
              { severity: "error", code: "cannot-read", message: `there is no file ${JSON.stringify(path)}` },
            ],
          },
  };
}
