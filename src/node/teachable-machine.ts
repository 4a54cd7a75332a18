// What the metadata.json beside a model of Teachable Machine says: the names of its classes, and that its input takes pictures.

import { dirname, join } from "node:path";
import { existsSync } from "node:fs";
import { takePictures } from "#compile/pictures.js";
import type { Module } from "#ir/weights.js";
import { readText } from "./read-file.js";

/**
 * The module with the facts of the file, if there is one of that kind and they fit; adds its path to `files`. The pixels are those that
 * Teachable Machine's image library makes: the middle of a picture, divided by 127, less 1.
 */
export function withTeachableMachine<M extends Module>(module: M, model: string, files: string[]): M {
  const path = join(dirname(model), "metadata.json");
  if (!existsSync(path)) return module;
  const { value: text } = readText(path);
  const metadata = text === undefined ? undefined : objectOf(text);
  if (!metadata || !("tmVersion" in metadata) || !("imageSize" in metadata)) return module;
  files.push(path);
  const pictures = takePictures(module, { scale: 1 / 127, mean: [1], fit: "cover" }).value ?? module;
  const labels: unknown = Reflect.get(metadata, "labels");
  const isText = (value: unknown): value is string => typeof value === "string";
  if (!Array.isArray(labels) || !labels.every(isText)) return pictures;
  return takePictures(pictures, { image: false, labels }).value ?? pictures;
}

function objectOf(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
