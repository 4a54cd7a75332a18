// ONNX files: models, their external data, and their initializers as weights of a net.

import { realpathSync } from "node:fs";
import { dirname, join, sep } from "node:path";
import type { Result } from "#diagnostic/diagnostic.js";
import { error } from "#diagnostic/diagnostic.js";
import type { Imported } from "#import/finish.js";
import { importOnnx } from "#import/onnx/import-onnx.js";
import type { DataFile, OpenData } from "#import/onnx/tensors.js";
import { openDataFile } from "#weights/file.js";

/** Whether a path names an ONNX model. */
export function isOnnx(path: string): boolean {
  return /\.onnx$/i.test(path);
}

/** Imports a model from its bytes; external data lie beside it, and their paths are added to `files`. */
export function importFile(
  bytes: Uint8Array,
  path: string,
  dims: ReadonlyMap<string, number> | undefined,
  files: string[],
): Result<Imported> {
  return importOnnx(bytes, { file: path, openData: openBeside(path, files), ...(dims ? { dims } : {}) });
}

/** Opens external data below the model's folder alone: a link must not lead out of it either. */
function openBeside(model: string, files: string[]): OpenData {
  return (location): DataFile => {
    const folder = realpathSync(dirname(model));
    const path = join(dirname(model), location);
    const real = realpathSync(path);
    if (!real.startsWith(folder.endsWith(sep) ? folder : folder + sep))
      throw new Error("it leads out of the model's folder");
    files.push(path);
    return openDataFile(path);
  };
}

/** Why options that go with a `.net` file do not go with an ONNX model. */
export function wrongForOnnx(
  path: string,
  options: { readonly net?: string; readonly weights?: string },
): Result<never> | undefined {
  const option =
    options.weights === undefined ? (options.net === undefined ? undefined : "--net") : "--weights";
  if (option === undefined) return undefined;
  return {
    diagnostics: [
      error("wrong-option", `${option} is for .net files; ${path} has its graph and weights with it`),
    ],
  };
}
