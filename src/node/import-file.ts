// Imports ONNX and TensorFlow.js models from files, with their external data.

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
import { withTeachableMachine } from "./teachable-machine.js";

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

/** Options of the importers of all formats. */
export interface ImportFileOptions {
  readonly dims?: ReadonlyMap<string, number>;
  /** Values of inputs that become constants. */
  readonly constants?: GivenConstants;
  /** For a model of another format: inner values that become inputs, or inputs that get a shape, such as `conv1:1x64x56x56`. */
  readonly inputs?: readonly string[];
  /** For a model of another format: values that become the outputs instead of its own. */
  readonly outputs?: readonly string[];
}

/** Imports a model from its file, which is read part by part, and from the files that it names. Adds all their paths to `files`. */
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
    // A longer text is an error, so it is not read completely.
    if (!isOnnx(path)) text = model.read(0, Math.min(model.size, textLimit + 1));
  } catch (cause) {
    return { diagnostics: [error("cannot-read", `cannot read ${path}: ${reason(cause)}`)] };
  }
  files.push(path);
  if (!text) return importOnnx(model, options);
  const { value, diagnostics } = importTfjs(text, options);
  return value ? { value: withTeachableMachine(value, path, files), diagnostics } : { diagnostics };
}

/** Opens the weights of a model of another format, by their names in the model. */
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

/** Opens data in the model's folder only; links must not lead out of it either. */
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
      throw new Error("the path leads out of the model's folder");
    files.push(path);
    return openDataFile(path);
  };
}

/** Reports options that are only for `.net` files, for a model of another format. */
export function wrongForImported(
  path: string,
  options: { readonly net?: string; readonly weights?: string },
): Result<never> | undefined {
  const option =
    options.weights === undefined ? (options.net === undefined ? undefined : "--net") : "--weights";
  if (option === undefined) return undefined;
  return {
    diagnostics: [
      error("wrong-option", `${option} is for .net files; ${path} contains its graph and its weights`),
    ],
  };
}
