// Reads the classes of samples from a file, to measure the accuracy of a net.

import { extname } from "node:path";
import type { Result } from "#diagnostic/diagnostic.js";
import { error } from "#diagnostic/diagnostic.js";
import { plural } from "#ir/units.js";
import { readText } from "#node/read-file.js";
import { readNumbers } from "./values.js";

/**
 * The index of each sample's class, from a .npy or .json file with a list, or a text with one per line. Their number must be that of the
 * samples, and each must be below `classes`.
 */
export function readClasses(path: string, samples: number, classes: number): Result<readonly number[]> {
  const wrong = (message: string, help: readonly string[] = []): Result<never> => ({
    diagnostics: [error("wrong-labels", `${path}: ${message}`, { help: [...help] })],
  });
  const read = isNumbers(path) ? readNumbers(path) : undefined;
  if (read && !read.value) return { diagnostics: read.diagnostics };
  const text = read ? undefined : readText(path);
  if (text && text.value === undefined) return { diagnostics: text.diagnostics };
  const indices = read?.value
    ? [...read.value.data]
    : (text?.value ?? "")
        .split(/\r?\n/)
        .map((line) => line.trim())
        .filter((line) => line !== "")
        .map(Number);
  const at = indices.findIndex((index) => !Number.isInteger(index) || index < 0);
  if (at >= 0)
    return wrong(`label ${at + 1} is no index of a class`, [
      "labels are the indices of the samples' classes, from 0: .npy, .json, or a text with one a line",
    ]);
  if (indices.length !== samples)
    return wrong(`there are ${plural(indices.length, "label")} for ${plural(samples, "sample")}`);
  const beyond = indices.findIndex((index) => index >= classes);
  if (beyond >= 0)
    return wrong(
      `label ${beyond + 1} is class ${indices[beyond]}, but ${classes > 0 ? `the output has ${plural(classes, "value")}, counted from 0` : "no output has a value for each class"}`,
    );
  return { value: indices, diagnostics: [] };
}

function isNumbers(path: string): boolean {
  return [".npy", ".json"].includes(extname(path).toLowerCase());
}
