// Models of other formats in files, ONNX and TensorFlow.js, with the data beside them.

import { given } from "#diagnostic/given.js";
import { realpathSync } from "node:fs";
import { dirname, join, sep } from "node:path";
import type { Result } from "#diagnostic/diagnostic.js";
import { error } from "#diagnostic/diagnostic.js";
import type { GivenConstants } from "#import/options/constants.js";
import type { Imported } from "#import/finish.js";
import { importOnnx } from "#import/onnx/import-onnx.js";
import { onnxWeights } from "#import/onnx/weight-file.js";
import { importTfjs, textLimit, tfjsWeights } from "#import/tfjs/import-tfjs.js";
import type { DataFile, OpenData } from "#import/data-file.js";
import type { WeightFile } from "#ir/weights.js";
import { openDataFile } from "#weights/file.js";
import { reason } from "./reason.js";

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

/** Options that importers of all formats have. */
export interface ImportFileOptions {
  readonly dims?: ReadonlyMap<string, number>;
  /** Values of inputs, which become weights. */
  readonly constants?: GivenConstants;
  /** Of a model of another format: inner values that become inputs, or inputs that get a shape, as in `conv1:1x64x56x56`. */
  readonly inputs?: readonly string[];
  /** Of a model of another format: values that become the outputs in place of its own. */
  readonly outputs?: readonly string[];
}

/** Imports a model from its file, which is read part by part; those that it names lie beside it, and all their paths are added to `files`. */
export function importFile(
  path: string,
  { dims, constants, inputs, outputs }: ImportFileOptions,
  files: string[],
): Result<Imported> {
  const options = {
    file: path,
    openData: openBeside(path, files),
    ...given({ dims, constants, inputs, outputs }),
  };
  let model: DataFile;
  let text: Uint8Array | undefined;
  try {
    model = openDataFile(path);
    // Of a longer one nothing has to be read to refuse it.
    if (!isOnnx(path)) text = model.read(0, Math.min(model.size, textLimit + 1));
  } catch (cause) {
    return { diagnostics: [error("cannot-read", `cannot read ${path}: ${reason(cause)}`)] };
  }
  files.push(path);
  return text ? importTfjs(text, options) : importOnnx(model, options);
}

/** Opens the weights of a model of another format, by the names that it gives them. */
export function openModelWeights(path: string): Result<WeightFile> {
  try {
    const model = openDataFile(path);
    const open = openBeside(path, []);
    return isOnnx(path)
      ? onnxWeights(model, path, open)
      : tfjsWeights(model.read(0, Math.min(model.size, textLimit + 1)), path, open);
  } catch (cause) {
    return { diagnostics: [error("cannot-read", `cannot read ${path}: ${reason(cause)}`)] };
  }
}

/** Opens data below the model's folder alone: a link must not lead out of it either. */
function openBeside(model: string, files: string[]): OpenData {
  return (location): DataFile => {
    const path = join(dirname(model), location);
    let [folder, real] = ["", ""];
    try {
      [folder, real] = [realpathSync(dirname(model)), realpathSync(path)];
    } catch (cause) {
      throw new Error(reason(cause), { cause });
    }
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
