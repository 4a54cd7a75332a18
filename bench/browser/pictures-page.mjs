// How long pictures take to become values, in a page. `pictures.ts` opens it, and calls `make` and `time`.

import * as ort from "onnxruntime-web";
import * as tf from "@tensorflow/tfjs-core";
import { setWasmPaths } from "@tensorflow/tfjs-backend-wasm";

const mean = [0.485, 0.456, 0.406];
const std = [0.229, 0.224, 0.225];
const side = 224;

setWasmPaths("/packages/@tensorflow/tfjs-backend-wasm/dist/");
await tf.setBackend("wasm");

const cleave = async (target) => {
  const { load } = await import(`/${target}.mjs`);
  const net = await load();
  // The net reads each value, and returns them all where they are checked.
  return async (picture) => (await net.run({ image: picture })).means;
};

/** Each resolves with the values of a picture, or their means by channel. */
const makers = {
  "cleave-wasm": await cleave("wasm"),
  "cleave-js": await cleave("js"),
  "onnxruntime-web": async (picture) => {
    const { data, dims } = await ort.Tensor.fromImage(picture, {
      resizedWidth: side,
      resizedHeight: side,
      tensorFormat: "RGB",
      tensorLayout: "NCHW",
      // It computes (byte + bias) / mean.
      norm: { mean: std.map((one) => 255 * one), bias: mean.map((one) => -255 * one) },
    });
    if (dims.join() !== `1,3,${side},${side}`) throw new Error(`the tensor is ${dims.join("×")}`);
    return data;
  },
  "tfjs-wasm": async (picture) => {
    const values = tf.tidy(() => {
      const small = tf.image.resizeBilinear(tf.browser.fromPixels(picture), [side, side], false, true);
      return tf.div(tf.sub(tf.div(small, 255), mean), std);
    });
    const data = await values.data();
    values.dispose();
    return data;
  },
};

const adapter = await navigator.gpu?.requestAdapter();
// A software adapter would measure the canvas.
if (adapter && !adapter.info.isFallbackAdapter) makers["cleave-wgsl"] = await cleave("wgsl");

/** A picture whose colors change over its whole width and height: a part of it has other means. */
function drawn(width, height) {
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const context = canvas.getContext("2d");
  const pixels = context.createImageData(width, height);
  for (let y = 0, at = 0; y < height; y++)
    for (let x = 0; x < width; x++, at += 4)
      pixels.data.set([(200 * x) / width, (200 * y) / height, (x * 7919 + y * 104729) & 127, 255], at);
  context.putImageData(pixels, 0, 0);
  return canvas;
}

const kinds = {
  "<img>": async (canvas) => {
    const img = new Image();
    img.src = URL.createObjectURL(await new Promise((done) => canvas.toBlob(done)));
    await img.decode();
    return img;
  },
  ImageBitmap: (canvas) => createImageBitmap(canvas),
  ImageData: (canvas) => canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height),
};

let picture;
/** The sum of all values of the picture that are right, by channel. */
let wanted;

/** Makes the picture that `time` takes. */
async function make(kind, width, height) {
  const canvas = drawn(width, height);
  picture = await kinds[kind](canvas);
  wanted = meansOf(await makers["cleave-js"](kinds.ImageData(canvas)));
  return Object.keys(makers);
}

/** The milliseconds of runs in a burst of so many milliseconds. Throws if the values are not those of the picture. */
async function time(maker, burst) {
  const means = meansOf(await makers[maker](picture));
  if (!(Math.abs(means - wanted) < 0.05)) throw new Error(`its values have the mean ${means}, not ${wanted}`);
  const times = [];
  for (const end = performance.now() + burst; performance.now() < end;) {
    const begin = performance.now();
    await makers[maker](picture);
    times.push(performance.now() - begin);
  }
  return times;
}

function meansOf(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

Object.assign(globalThis, { make, time });
