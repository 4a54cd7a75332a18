// Finding the packed weights: given bytes, a URL, or base64 text in the module.

import { hashBytes } from "./hash.js";
import type { Model, WeightsSource } from "./types.js";

/** The packed weights as f32, checked against the module's hash. `base` is the module's URL. */
export async function findWeights(
  model: Model,
  base: string,
  source: WeightsSource | undefined,
  embedded: string | undefined,
): Promise<Float32Array> {
  if (source === undefined && embedded !== undefined) return checked(model, fromBase64(embedded), "embedded");
  if (source === undefined && model.weights.elements === 0) return new Float32Array(0);
  if (source === undefined || typeof source === "string" || source instanceof URL) {
    const url = urlOf(model, source, base);
    return checked(model, tensorBytes(model, await readUrl(model, url), url.href), url.href);
  }
  const bytes = bytesOf(source);
  if (!bytes) {
    throw new TypeError(`${model.name}: weights must be a URL, an ArrayBuffer or a Uint8Array`);
  }
  return checked(model, tensorBytes(model, bytes, "the weights given"), "the weights given");
}

function urlOf(model: Model, source: string | URL | undefined, base: string): URL {
  try {
    return new URL(source ?? encodeURIComponent(model.weights.file), base);
  } catch {
    throw new Error(
      `${model.name}: cannot find ${source ?? model.weights.file} from ${base.slice(0, 60)}; pass load({ weights }) as bytes or a full URL`,
    );
  }
}

/** Also of another realm, where `instanceof` does not hold. */
function bytesOf(source: unknown): Uint8Array | undefined {
  if (ArrayBuffer.isView(source)) return new Uint8Array(source.buffer, source.byteOffset, source.byteLength);
  const tag = Object.prototype.toString.call(source);
  if (tag === "[object ArrayBuffer]" || tag === "[object SharedArrayBuffer]") {
    return new Uint8Array(source as ArrayBuffer);
  }
  return undefined;
}

async function readUrl(model: Model, url: URL): Promise<Uint8Array> {
  const failed = (why: unknown) =>
    new Error(
      `${model.name}: cannot read the weights ${url.href}: ${why instanceof Error ? why.message : why}`,
    );
  if (url.protocol === "file:") {
    // Node's fetch does not read files; browsers have no `process`, and Deno and Bun have both ways.
    const { process } = globalThis as { process?: { getBuiltinModule?: (name: string) => unknown } };
    const fs = process?.getBuiltinModule?.("node:fs/promises") as
      | { readFile(url: URL): Promise<Uint8Array> }
      | undefined;
    if (fs)
      return fs.readFile(url).catch((cause: unknown) => {
        throw failed(cause);
      });
  }
  const response = await fetch(url).catch((cause: unknown) => {
    throw failed(cause);
  });
  if (!response.ok) throw failed(`${response.status} ${response.statusText}`);
  return new Uint8Array(await response.arrayBuffer());
}

/** The data of the one tensor of a packed safetensors file: 8 bytes of header length, JSON, data. */
function tensorBytes(model: Model, file: Uint8Array, where: string): Uint8Array {
  const wrong = (why: string) =>
    new Error(`${model.name}: ${where} is no packed weight file of Cleave: ${why}`);
  if (file.length < 8) throw wrong(`it has ${file.length} bytes`);
  const length = new DataView(file.buffer, file.byteOffset, 8).getUint32(0, true);
  if (length > file.length - 8) throw wrong("its header is cut off");
  let packed: { data_offsets?: readonly number[] } | undefined;
  try {
    packed = JSON.parse(new TextDecoder().decode(file.subarray(8, 8 + length))).packed;
  } catch {
    throw wrong("its header is not JSON");
  }
  const [start = 0, end = 0] = packed?.data_offsets ?? [];
  if (!packed) throw wrong('it has no tensor "packed"');
  if (end - start !== model.weights.elements * 4 || 8 + length + end > file.length) {
    throw wrong(`it holds ${end - start} bytes of data, and ${model.weights.elements * 4} are needed`);
  }
  return file.subarray(8 + length + start, 8 + length + end);
}

function checked(model: Model, bytes: Uint8Array, where: string): Float32Array {
  const hash = hashBytes(bytes);
  if (hash !== model.weights.hash) {
    throw new Error(
      `${model.name}: the weights (${where}) have hash ${hash}, but this module was compiled with ${model.weights.hash}; use the packed file that was written with it`,
    );
  }
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
  return new Float32Array(aligned.buffer, aligned.byteOffset, model.weights.elements);
}

/** Decoded piece by piece, so that no string of all bytes is made. */
function fromBase64(text: string): Uint8Array {
  const padding = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0;
  const bytes = new Uint8Array((text.length / 4) * 3 - padding);
  const piece = 1 << 16;
  for (let start = 0, at = 0; start < text.length; start += piece) {
    const binary = atob(text.slice(start, start + piece));
    for (let index = 0; index < binary.length; index++) bytes[at++] = binary.charCodeAt(index);
  }
  return bytes;
}
