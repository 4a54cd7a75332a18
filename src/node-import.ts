// Models of other formats in files, ONNX and TensorFlow.js, with the data beside them.

import { realpathSync } from "node:fs";
import { dirname, join, sep } from "node:path";
import type { Result } from "#diagnostic/diagnostic.js";
import { error } from "#diagnostic/diagnostic.js";
import type { Imported } from "#import/finish.js";
import { importOnnx } from "#import/onnx/import-onnx.js";
import { importTfjs } from "#import/tfjs/import-tfjs.js";
import type { DataFile, OpenData } from "#import/data-file.js";
import { openDataFile } from "#weights/file.js";

/** Formats of other models, by the ending of their files. */
export const importHelp = "an .onnx file or the model.json of a TensorFlow.js model";

/** Whether a path names a model of another format. */
export function isImported(path: string): boolean {
  return isOnnx(path) || /\.json$/i.test(path);
}

/** The path without the ending of a model of another format. */
export function withoutEnding(path: string): string {
  return path.replace(/\.(onnx|json)$/i, "");
}

/** Whether a path names an ONNX model. */
export function isOnnx(path: string): boolean {
  return /\.onnx$/i.test(path);
}

/** Imports a model from its bytes; the files that it names lie beside it, and their paths are added to `files`. */
export function importFile(
  bytes: Uint8Array,
  path: string,
  { dims, outputs }: { readonly dims?: ReadonlyMap<string, number>; readonly outputs?: readonly string[] },
  files: string[],
): Result<Imported> {
  const options = {
    file: path,
    openData: openBeside(path, files),
    ...(dims ? { dims } : {}),
    ...(outputs ? { outputs } : {}),
  };
  return isOnnx(path) ? importOnnx(bytes, options) : importTfjs(bytes, options);
}

/** Opens data below the model's folder alone: a link must not lead out of it either. */
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

/** Why options that go with a `.net` file do not go with a model of another format. */
export function wrongForImported(
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
