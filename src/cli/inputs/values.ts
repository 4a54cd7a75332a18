// Reads inputs of `cleave run`: images, .npy and .json files, or random numbers.

import { extname } from "node:path";
import type { SampleInput } from "#calibrate/samples.js";
import { wrongInteger } from "#calibrate/samples.js";
import type { Result } from "#diagnostic/diagnostic.js";
import { error } from "#diagnostic/diagnostic.js";
import type { Preprocess } from "#ir/preprocess.js";
import { elements } from "#ir/type.js";
import { plural } from "#ir/units.js";
import { drawInput } from "#ops/distributions.js";
import { seededRandom } from "#ops/random.js";
import { readNpy } from "#weights/npy.js";
import { readBytes } from "#node/read-file.js";
import type { ImageOptions } from "../options/image.js";
import { preprocessFor } from "../options/image.js";
import { imageEndings, imageFiles, normalizePixels, readImage } from "./image.js";

/** Values for one input from a file, whose extension gives its format. */
export async function readInput(
  path: string,
  port: SampleInput,
  options: ImageOptions,
): Promise<Result<Float32Array>> {
  const values = await readValues(path, port, preprocessFor(options, port));
  const wrong = values.value && wrongInteger(path, values.value, port);
  if (wrong === undefined) return values;
  return { diagnostics: [error("wrong-input", wrong, { help: ["quantize the values first"] })] };
}

async function readValues(
  path: string,
  port: SampleInput,
  preprocess: Preprocess,
): Promise<Result<Float32Array>> {
  const extension = extname(path).toLowerCase();
  if (imageEndings.includes(extension)) return readImage(path, port, preprocess);
  if (extension === ".npy" || extension === ".json") {
    const values = readNumbers(path);
    const fitting = fit(path, port, values);
    return fitting.value && values.value?.isBytes
      ? normalizePixels(path, fitting.value, port.shape, preprocess)
      : fitting;
  }
  const bytes = readBytes(path);
  if (bytes.value === undefined) return { diagnostics: bytes.diagnostics };
  return {
    diagnostics: [
      error("unknown-input", `${path}: cannot tell what kind of file this is`, {
        help: [`inputs are ${imageFiles}, .npy files, or .json files with nested lists of numbers`],
      }),
    ],
  };
}

/** The numbers of a .npy or .json file, with their shape. */
export function readNumbers(path: string): Result<Values> {
  const bytes = readBytes(path);
  if (bytes.value === undefined) return { diagnostics: bytes.diagnostics };
  return /\.npy$/i.test(path) ? readNpy(bytes.value, path) : readJson(bytes.value, path);
}

/** Standard normal values, or any integers, from a seed, to run a net without input files. */
export function randomInput({ shape, dtype = "f32" }: SampleInput, seed: number): Float32Array {
  return drawInput(seededRandom(seed), { shape, dtype });
}

/** The numbers of a file. */
interface Values {
  readonly shape: readonly number[];
  readonly data: Float32Array;
  /** Whether they come from a .npy file of bytes, which are pixels for an input. */
  readonly isBytes?: boolean;
}

function fit(path: string, port: SampleInput, values: Result<Values>): Result<Float32Array> {
  if (values.value === undefined) return { diagnostics: values.diagnostics };
  const { shape, data } = values.value;
  // A flat list, or the input's axes with or without those of extent 1. [1, 3, 8, 8] for [1, 8, 8, 3] has as many numbers,
  // but in another order.
  const same = shape.length === 1 || withoutOnes(shape) === withoutOnes(port.shape);
  if (same && data.length === elements(port.shape)) return { value: data, diagnostics: [] };
  return {
    diagnostics: [
      error(
        "wrong-input",
        `${path} holds ${data.length} numbers of shape [${shape.join(", ")}], but input \`${port.name}\` is [${port.shape.join(", ")}]`,
        {
          help: [
            `write its axes in that order, or one flat list of ${plural(elements(port.shape), "number")}`,
          ],
        },
      ),
    ],
  };
}

/** The extents of a shape except those of 1: equal for shapes whose values have the same order. */
export function withoutOnes(shape: readonly number[]): string {
  return shape.filter((extent) => extent !== 1).join("×");
}

function readJson(bytes: Uint8Array, path: string): Result<Values> {
  const wrong = (message: string): Result<Values> => ({
    diagnostics: [
      error("wrong-input", `${path}: ${message}`, {
        help: ["it holds nested lists of numbers, such as [[1, 2], [3, 4]]"],
      }),
    ],
  });
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(bytes));
  } catch (cause) {
    return wrong(`this is not JSON: ${(cause as Error).message}`);
  }
  const shape: number[] = [];
  for (let level = value; Array.isArray(level); level = level[0] as unknown) shape.push(level.length);
  const data = flatten(value, shape);
  return data
    ? { value: { shape, data }, diagnostics: [] }
    : wrong("the lists are ragged, or hold something that is not a number");
}

/** The numbers of nested lists that all have the given lengths, or undefined. Not recursive, since a file may be nested deep. */
function flatten(value: unknown, shape: readonly number[]): Float32Array | undefined {
  let level: unknown[] = [value];
  for (const extent of shape) {
    if (!level.every((item) => Array.isArray(item) && item.length === extent)) return undefined;
    level = level.flat();
  }
  return level.every((item) => typeof item === "number") ? Float32Array.from(level as number[]) : undefined;
}
