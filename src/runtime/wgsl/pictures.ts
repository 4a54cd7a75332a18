/// <reference types="@webgpu/types" />
// Pictures on the device: two shaders resize them and write their values into a buffer, so pixels of a video never pass through the page.

import { guarded } from "./device.js";
import type { GpuNet } from "./machine.js";
import { usage } from "./memory.js";
import { isBuffer, ownCopy } from "./ports.js";
import type { GivenPicture } from "../pictures.js";
import { isPixels, withPictures } from "../pictures.js";
import type { PictureInput, Taps } from "../pixels.js";
import { placing, tableOf, tapsOf, weightBits } from "../pixels.js";

/** The net, whose `run` also takes pictures, and makes their values on its device if that can read them. */
export function withGpuPictures(net: GpuNet, inputs: readonly PictureInput[]): GpuNet {
  const { device, name } = net;
  // A software adapter takes a hundred times as long as a canvas.
  const { isFallbackAdapter: isSoftware } = device.adapterInfo ?? {};
  const readers = new Map(
    inputs.map((input) => [input, isSoftware || input.depth === 4 ? undefined : makeReader(device, input)]),
  );
  return withPictures(net, inputs, {
    onDevice: (pictures, input) => readers.get(input)?.read(pictures, name),
    free() {
      for (const reader of readers.values()) reader?.free();
    },
  });
}

/** GPUTextureUsage, as `usage` has flags of buffers. */
const textureUsage = { copyTarget: 2, binding: 4, attachment: 16 } as const;

/** How a picture becomes an input: the rectangle of its pixels that count, its width in the input, and the numbers that the shaders read. */
interface Plan {
  /** The sizes that it is for. */
  readonly key: string;
  readonly corner: readonly [x: number, y: number];
  readonly extent: readonly [width: number, height: number];
  readonly width: number;
  /** The size of its numbers. */
  readonly bytes: number;
}

/** Reads pictures for one input. */
function makeReader(device: GPUDevice, input: PictureInput) {
  const { queue, limits } = device;
  const module = device.createShaderModule({ label: `pictures of ${input.name}`, code: shaderOf(input) });
  const [narrowRows, storeValues] = (["narrowRows", "storeValues"] as const).map((entryPoint) =>
    device.createComputePipeline({ label: entryPoint, layout: "auto", compute: { module, entryPoint } }),
  ) as [GPUComputePipeline, GPUComputePipeline];
  const storage = usage.storage | usage.copyTarget;
  const entries = tableOf(input);
  const table = device.createBuffer({ size: entries.byteLength, usage: storage });
  queue.writeBuffer(table, 0, ownCopy(entries));
  // Frames of a video follow each other, so all of these are kept for the next picture.
  let plan: Plan | undefined;
  let texture: GPUTexture | undefined;
  const buffers: { plan?: GPUBuffer; narrow?: GPUBuffer } = {};
  // Buffers of values, and those that no run reads now: runs that wait for others keep theirs.
  const all = new Set<GPUBuffer>();
  const unused: GPUBuffer[] = [];
  // Pictures that the device cannot copy, as they were then. Browsers write a warning for each attempt.
  const refused = new WeakMap<object, string>();
  const size = input.width * input.height * input.depth;

  function bufferOf(kind: "narrow" | "plan", bytes: number): GPUBuffer {
    const known = buffers[kind];
    if (known && known.size >= bytes) return known;
    known?.destroy();
    return (buffers[kind] = device.createBuffer({ size: bytes, usage: storage }));
  }

  function textureOf([width, height]: Plan["extent"]): GPUTexture {
    if (texture?.width === width && texture.height === height) return texture;
    texture?.destroy();
    const flags = textureUsage.copyTarget | textureUsage.binding | textureUsage.attachment;
    return (texture = device.createTexture({ size: [width, height], format: "rgba8unorm", usage: flags }));
  }

  /** The plan of a picture, whose numbers are in their buffer then; undefined if the picture is too large for a texture. */
  function planOf({ whole, within }: GivenPicture): Plan | undefined {
    const key = [whole, within.x, within.y, within.width, within.height].join();
    if (plan?.key === key) return plan;
    const { from, width, height } = placing(within, input);
    const columns = tapsOf(width, from.x, from.width, whole[0]);
    const rows = tapsOf(height, from.y, from.height, whole[1]);
    const corner = [columns.first[0] ?? 0, rows.first[0] ?? 0] as const;
    const extent = [endOf(columns) - corner[0], endOf(rows) - corner[1]] as const;
    if (Math.max(extent[0], extent[1]) > limits.maxTextureDimension2D) return undefined;
    const numbers = numbersOf(columns, rows, extent[1]);
    queue.writeBuffer(bufferOf("plan", numbers.byteLength), 0, numbers);
    return (plan = { key, corner, extent, width, bytes: numbers.byteLength });
  }

  /** Whether the values of a picture will be in a buffer, as those of sample `at`. */
  function readOne(given: GivenPicture, at: number, values: GPUBuffer): boolean {
    const { picture } = given;
    if (refused.get(picture) === stateOf(given)) return false;
    if (isPixels(picture) && picture.data.length !== 4 * picture.width * picture.height) return false;
    const made = planOf(given);
    if (!made || !copyPixels(given, made)) return false;
    const { width, extent, bytes } = made;
    const [planned, narrow] = [bufferOf("plan", bytes), bufferOf("narrow", 4 * width * extent[1])];
    queue.writeBuffer(planned, 0, Int32Array.of(at * size));
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    const dispatch = (
      pipeline: GPUComputePipeline,
      bound: Readonly<Record<number, GPUTextureView | GPUBuffer>>,
      across: number,
      down: number,
    ): void => {
      const resources = Object.entries(bound).map(([binding, one]) => ({
        binding: Number(binding),
        resource: isBuffer(one) ? { buffer: one } : one,
      }));
      pass.setPipeline(pipeline);
      pass.setBindGroup(
        0,
        device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries: resources }),
      );
      pass.dispatchWorkgroups(Math.ceil(across / 8), Math.ceil(down / 8));
    };
    dispatch(narrowRows, { 0: textureOf(extent).createView(), 1: planned, 2: narrow }, width, extent[1]);
    dispatch(storeValues, { 1: planned, 2: narrow, 3: table, 4: values }, input.width, input.height);
    pass.end();
    queue.submit([encoder.finish()]);
    return true;
  }

  /** Whether the pixels of a plan are in the texture. */
  function copyPixels(given: GivenPicture, { corner: [x, y], extent }: Plan): boolean {
    const { picture } = given;
    const to = { texture: textureOf(extent) };
    if (isPixels(picture)) {
      const bytesPerRow = 4 * picture.width;
      const place = { offset: y * bytesPerRow + 4 * x, bytesPerRow };
      queue.writeTexture(to, ownCopy(picture.data), place, [...extent]);
      return true;
    }
    try {
      const source = { source: picture as GPUCopyExternalImageSource, origin: { x, y } };
      queue.copyExternalImageToTexture(source, to, [...extent]);
      return true;
    } catch {
      // Not every browser copies every kind. Pictures of other sites are refused too, and the canvas says why.
      refused.set(picture, stateOf(given));
      return false;
    }
  }

  /** A buffer for values, which `release` takes back. */
  function takeBuffer(bytes: number): GPUBuffer {
    const found = unused.findIndex((buffer) => buffer.size === bytes);
    const [known] = found < 0 ? [] : unused.splice(found, 1);
    const buffer = known ?? device.createBuffer({ size: bytes, usage: usage.storage | usage.copySource });
    all.add(buffer);
    return buffer;
  }

  function release(buffer: GPUBuffer): void {
    const [oldest] = unused.push(buffer) > mostUnused ? unused.splice(0, 1) : [];
    if (!oldest) return;
    oldest.destroy();
    all.delete(oldest);
  }

  return {
    /** The values of pictures; undefined if the device cannot make those of all. */
    read(pictures: readonly GivenPicture[], name: string) {
      const bytes = 4 * size * pictures.length;
      if (bytes > limits.maxStorageBufferBindingSize) return undefined;
      const values = takeBuffer(bytes);
      let isRead = false;
      const done = guarded({ name }, device, async () => {
        isRead = pictures.every((picture, at) => readOne(picture, at, values));
      });
      done.catch(() => {}); // `run` reports it too
      if (isRead) return { values, done, release: () => release(values) };
      release(values);
      return undefined;
    },
    free() {
      for (const one of [table, texture, buffers.plan, buffers.narrow, ...all]) one?.destroy();
    },
  };
}

/** The most buffers that wait for a run: as many as `groupsWith` of the machine keeps bind groups for. */
const mostUnused = 4;

/** What is another when an element shows another picture. */
function stateOf({ picture, whole }: GivenPicture): string {
  return [("currentSrc" in picture && picture.currentSrc) || "", ...whole].join();
}

/** The first pixel behind those that count. */
function endOf({ first, count }: Taps): number {
  return (first.at(-1) ?? 0) + (count.at(-1) ?? 0);
}

/**
 * The numbers that the shaders read: where the values begin, which `readOne` writes, width and height in the input, rows of pixels, and the
 * most taps of a column and a row; then for each column and each row its first pixel, how many count, and their weights.
 */
function numbersOf(columns: Taps, rows: Taps, height: number): Int32Array<ArrayBuffer> {
  const head = [0, columns.first.length, rows.first.length, height, columns.most, rows.most];
  const wordsOf = ({ first, most }: Taps): number => first.length * (2 + most);
  const numbers = new Int32Array(head.length + wordsOf(columns) + wordsOf(rows));
  numbers.set(head);
  let to = head.length;
  for (const { first, count, weight, most } of [columns, rows]) {
    for (const [at, begin] of first.entries()) {
      numbers[to] = begin - (first[0] ?? 0);
      numbers[to + 1] = count[at] ?? 0;
      numbers.set(weight.subarray(at * most, (at + 1) * most), to + 2);
      to += 2 + most;
    }
  }
  return numbers;
}

/** The shaders of an input, with the same integers as `resized`, `luma` and `withoutAlpha` have: results are the same bytes. */
function shaderOf({ width, height, depth, isFirst, isBgr, pad }: PictureInput): string {
  const place = isFirst ? `c * ${width * height} + pixel` : `pixel * ${depth} + c`;
  const byte =
    depth === 1
      ? "(19595 * color.x + 38470 * color.y + 7471 * color.z + 32768) >> 16u"
      : `color[${isBgr ? "2 - c" : "c"}]`;
  return `@group(0) @binding(0) var picture: texture_2d<f32>;
@group(0) @binding(1) var<storage, read> plan: array<i32>;
@group(0) @binding(2) var<storage, read_write> narrow: array<u32>;
@group(0) @binding(3) var<storage, read> table: array<f32>;
@group(0) @binding(4) var<storage, read_write> values: array<f32>;

const rounding = ${1 << (weightBits - 1)};

@compute @workgroup_size(8, 8)
fn narrowRows(@builtin(global_invocation_id) id: vec3u) {
  let width = plan[1];
  if (i32(id.x) >= width || i32(id.y) >= plan[3]) { return; }
  let at = 6 + i32(id.x) * (2 + plan[4]);
  var sum = vec3i(rounding);
  for (var tap = 0; tap < plan[at + 1]; tap++) {
    let rgba = vec4i(round(255 * textureLoad(picture, vec2i(plan[at] + tap, i32(id.y)), 0)));
    var color = rgba.rgb;
    if (rgba.a < 255) { color = (2 * (color * rgba.a + ${pad} * (255 - rgba.a)) + 255) / 510; }
    sum += plan[at + 2 + tap] * color;
  }
  let bytes = vec3u(sum >> vec3u(${weightBits}));
  narrow[i32(id.y) * width + i32(id.x)] = bytes.x | (bytes.y << 8) | (bytes.z << 16);
}

@compute @workgroup_size(8, 8)
fn storeValues(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= ${width} || id.y >= ${height}) { return; }
  let width = plan[1];
  let height = plan[2];
  let x = i32(id.x) - ((${width} - width) >> 1);
  let y = i32(id.y) - ((${height} - height) >> 1);
  var color = vec3i(${pad});
  if (x >= 0 && x < width && y >= 0 && y < height) {
    let at = 6 + width * (2 + plan[4]) + y * (2 + plan[5]);
    var sum = vec3i(rounding);
    for (var tap = 0; tap < plan[at + 1]; tap++) {
      let bytes = vec3u(narrow[(plan[at] + tap) * width + x]);
      sum += plan[at + 2 + tap] * vec3i((bytes >> vec3u(0, 8, 16)) & vec3u(255));
    }
    color = sum >> vec3u(${weightBits});
  }
  let pixel = i32(id.y) * ${width} + i32(id.x);
  for (var c = 0; c < ${depth}; c++) {
    values[plan[0] + ${place}] = table[256 * c + (${byte})];
  }
}
`;
}
