// Opens what the weights are read from: bytes, a file, a download, a stream.

import { cached } from "./cache.js";
import { refusalHelp, watchPolicy } from "./policy.js";
import type { LoadOptions, Model } from "./types.js";

/** The parts of a model that are read here. */
type Weighted = Pick<Model, "name" | "weights">;

/** Where the weights of a module are, and what its user said about them. */
export interface Source {
  /** The address of the packed file beside the module, if there is one; it throws if a module has no address. */
  readonly file?: (() => URL) | undefined;
  /** The weights in base64. */
  readonly embedded?: string | undefined;
  readonly options: LoadOptions;
}

/** Weights that are read in order. */
export interface Origin {
  /** Its name in messages. */
  readonly where: string;
  /** Fills the beginning of `into` with the next bytes, and returns how many; 0 at the end. */
  read(into: Uint8Array): Promise<number>;
  close?(): Promise<unknown>;
  /** Called when all bytes that are needed have been read, and are right. */
  finish?(): Promise<void>;
  /** Called when they are not; returns whether it is worth to open the source again, since some bytes were kept ones. */
  fail?(): Promise<boolean>;
}

export const givenBytes = "the array given";

/** Opens the source, and decompresses what gzip compressed. Closes it if that fails, or when the signal ends the load. */
export async function openSource(model: Weighted, source: Source): Promise<Origin> {
  const { signal } = source.options;
  const opened = await open(model, source);
  // A stream that is closed ends the read that waits for it.
  const stop = (): void => void opened.close?.().catch(() => {});
  const close = async (): Promise<void> => {
    signal?.removeEventListener("abort", stop);
    await opened.close?.();
  };
  signal?.addEventListener("abort", stop);
  try {
    const origin = await unzipped(model, { ...opened, close, read: endedBy(signal, opened.read) });
    return { ...origin, read: endedBy(signal, origin.read) };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The same, but fails with the signal's reason if there is one. */
function endedBy(signal: AbortSignal | undefined, read: Origin["read"]): Origin["read"] {
  if (!signal) return read;
  return async (into) => {
    signal.throwIfAborted();
    const count = await read(into).catch((error: unknown) => {
      // What a download says when it is cut off is not of interest.
      signal.throwIfAborted();
      throw error;
    });
    signal.throwIfAborted();
    return count;
  };
}

async function open(model: Weighted, source: Source): Promise<Origin> {
  if (source.options.weights === undefined && source.embedded !== undefined) {
    return ofBase64(model, source.embedded, "embedded");
  }
  const given = await source.options.weights;
  const bytes = bytesOf(given);
  if (bytes) {
    const pieces = [bytes];
    return { where: givenBytes, read: copying(() => pieces.pop()) };
  }
  switch (typeof given === "string" ? "URL" : kindOf(given)) {
    case "Undefined":
    case "URL":
      return openUrl(model, addressOf(model, source, given as string | URL | undefined), source.options);
    case "Request":
      return openDownload(model, given as Request, (given as Request).url, source.options);
    case "Response":
      return ofResponse(model, given as Response, (given as Response).url || "the response given");
    case "ReadableStream":
      return ofStream(model, given as ReadableStream<Uint8Array>, "the stream given");
    case "Blob":
    case "File":
      return ofStream(model, (given as Blob).stream(), "the blob given");
    default:
      throw new TypeError(
        `${model.name}: load takes weights as a URL, a Request, a Response, a ReadableStream, a Blob, an ArrayBuffer or a Uint8Array, or a promise of one, not ${isNodeStream(given) ? `a stream of Node; ${nodeHelp}` : kindOf(given)}`,
      );
  }
}

/** `URL`, `Request` and so on, of another realm too, where `instanceof` fails. */
function kindOf(value: unknown): string {
  return Object.prototype.toString.call(value).slice(8, -1);
}

/** Streams of Node have no class name that says so. */
function isNodeStream(value: unknown): boolean {
  return typeof (value as { readonly pipe?: unknown } | null | undefined)?.pipe === "function";
}

const nodeHelp = "Readable.toWeb(stream) makes a ReadableStream of it";

export function bytesOf(given: unknown): Uint8Array | undefined {
  if (ArrayBuffer.isView(given)) return new Uint8Array(given.buffer, given.byteOffset, given.byteLength);
  const isBuffer = kindOf(given) === "ArrayBuffer" || kindOf(given) === "SharedArrayBuffer";
  return isBuffer ? new Uint8Array(given as ArrayBuffer) : undefined;
}

/** The address of the packed file, or the given one, which may be relative to it. */
function addressOf(model: Weighted, { file }: Source, given: string | URL | undefined): URL {
  const page = (globalThis as { location?: { readonly href: string } }).location?.href;
  let base: URL | undefined;
  try {
    const own = file?.();
    // Next.js with webpack gives the path of an address, in an object that only looks like a URL.
    base = own && new URL(own.href, page);
  } catch {
    // Classic scripts have no address.
  }
  try {
    // Some bundlers give scripts none, or that of a file on the disk of the build; then the file is where the page is. In Node and its kind, where
    // tests have a page too, it is on the disk.
    const isLost = !base || (base.protocol === "file:" && !systemFiles());
    if (isLost && page?.startsWith("http")) {
      const path = base?.pathname ?? model.weights.file;
      base = new URL(path.slice(path.lastIndexOf("/") + 1), page);
    }
    return given === undefined && base ? base : new URL(String(given), base);
  } catch {
    if (given !== undefined && (base || /^[a-z][a-z\d+.-]*:/i.test(String(given)))) {
      throw new TypeError(`${model.name}: the weights are given by an invalid URL, ${JSON.stringify(given)}`);
    }
    throw new Error(
      `${model.name}: cannot find ${given ?? model.weights.file} beside this module, which has no address; pass load({ weights }) as bytes or a full URL`,
    );
  }
}

/** What to do where there is no packed file. */
export function missingHelp({ weights }: Weighted): string {
  return `put ${weights.file} there, or pass load({ weights })`;
}

function cannotRead(model: Weighted, where: string, why: unknown, help?: string): Error {
  const text = [why instanceof Error ? reasonOf(why) : String(why), ...(help ? [help] : [])].join("; ");
  return new Error(`${model.name}: cannot read the weights ${where}: ${text}`, { cause: why });
}

/** Node says in the cause what failed. */
function reasonOf({ message, cause }: Error): string {
  const { message: inner, code } = Object(cause) as { message?: unknown; code?: unknown };
  const why = inner || code;
  return typeof why === "string" ? `${message} (${why})` : message;
}

/** A file or a download. */
async function openUrl(model: Weighted, url: URL, options: LoadOptions): Promise<Origin> {
  // Node's fetch does not read files.
  const fs = url.protocol === "file:" ? systemFiles() : undefined;
  if (!fs) {
    if (url.protocol !== "data:") return openDownload(model, url, url.href, options);
    const where = "the data: address";
    const inline = inlineBytes(url.href);
    return inline === undefined ? openDownload(model, url, where, options) : ofBase64(model, inline, where);
  }
  const fail = (why: unknown): never => {
    const isMissing = (why as { readonly code?: unknown }).code === "ENOENT";
    throw cannotRead(model, url.href, why, isMissing ? missingHelp(model) : undefined);
  };
  const file = await fs.open(url).catch(fail);
  return {
    where: url.href,
    read: async (into) => (await file.read(into, 0, into.length).catch(fail)).bytesRead,
    close: () => file.close(),
  };
}

/**
 * The bytes in a `data:` address, in base64, as bundlers put small files into the code; undefined if they are written in another way. Read like
 * this, they need no policy that allows `data:`.
 */
function inlineBytes(address: string): string | undefined {
  const comma = address.indexOf(",") + 1;
  const isPlain = address.slice(0, comma).endsWith(";base64,") && !address.includes("%", comma);
  return isPlain ? address.slice(comma) : undefined;
}

/** Browsers have no `process`; Node, Deno and Bun have. */
function systemFiles(): FileSystem | undefined {
  const { process } = globalThis as { process?: { getBuiltinModule?: (name: string) => unknown } };
  return process?.getBuiltinModule?.("node:fs/promises") as FileSystem | undefined;
}

/** The part of `node:fs/promises` that is used. */
interface FileSystem {
  open(url: URL): Promise<{
    read(into: Uint8Array, offset: number, length: number): Promise<{ readonly bytesRead: number }>;
    close(): Promise<void>;
  }>;
}

/** A download, which is kept if the caller wants that. */
async function openDownload(
  model: Weighted,
  what: URL | Request,
  where: string,
  options: LoadOptions,
): Promise<Origin> {
  if (!options.cache) return ofResponse(model, await download(model, what, where, options), where);
  return cached(model, where, options, async (from) => {
    const headers = new Headers("headers" in what ? what.headers : {});
    if (from > 0) headers.set("Range", `bytes=${from}-`);
    let response = await download(model, what, where, options, { headers });
    // The file is shorter than what is kept of it.
    if (response.status === 416) response = await download(model, what, where, options);
    return { origin: ofResponse(model, response, where), start: response.status === 206 ? from : 0 };
  });
}

async function download(
  model: Weighted,
  what: URL | Request,
  where: string,
  { fetch = globalThis.fetch, signal }: LoadOptions,
  init: RequestInit = {},
): Promise<Response> {
  signal?.throwIfAborted();
  const refused = watchPolicy();
  let response: Response;
  try {
    response = await fetch(what, signal ? { ...init, signal } : init);
  } catch (error) {
    signal?.throwIfAborted();
    const directive = await refused.directive();
    const why = `the page's Content-Security-Policy refuses it; allow its origin in \`${directive}\``;
    throw directive ? cannotRead(model, where, why) : cannotRead(model, where, error, refusalHelp(where));
  } finally {
    refused.end();
  }
  // A user's own `fetch` may give anything, also a Response of its own kind.
  if (typeof (response as Response | null | undefined)?.ok === "boolean") return response;
  throw new TypeError(`${model.name}: fetch must give a Response, not ${kindOf(response)}`);
}

function ofResponse(model: Weighted, response: Response, where: string): Origin {
  if (!response.ok) {
    const { status, statusText } = response;
    const why = withoutBytes.get(response.type) ?? `${status} ${statusText}`.trim();
    throw cannotRead(model, where, why, status === 404 ? missingHelp(model) : undefined);
  }
  if (!response.body) throw cannotRead(model, where, "the response has no body");
  return ofStream(model, response.body, where);
}

/** Why a response of this type has no bytes. */
const withoutBytes = new Map<string, string>([
  // As `fetch` gives it with mode: "no-cors".
  ["opaque", "its bytes are hidden from the page; request it without no-cors, from a server that allows it"],
  ["opaqueredirect", 'it is a redirect; request it without redirect: "manual"'],
  ["error", "the request failed"],
]);

function ofStream(model: Weighted, stream: ReadableStream<Uint8Array>, where: string): Origin {
  // The body of a response of a package for Node may be a stream of Node.
  if (isNodeStream(stream)) throw cannotRead(model, where, `it is a stream of Node; ${nodeHelp}`);
  if (typeof stream.getReader !== "function") {
    throw cannotRead(model, where, `its body must be a ReadableStream, not ${kindOf(stream)}`);
  }
  if (stream.locked) throw cannotRead(model, where, "something else reads it, or has read it");
  const reader = stream.getReader();
  const next = async (): Promise<Uint8Array | undefined> => {
    const { done, value } = await reader.read().catch((error: unknown) => {
      throw cannotRead(model, where, error);
    });
    if (done) return undefined;
    const bytes = bytesOf(value);
    if (bytes) return bytes;
    throw new TypeError(
      `${model.name}: ${where} must give pieces of type Uint8Array or ArrayBuffer, not ${kindOf(value)}`,
    );
  };
  return { where, read: copying(next), close: () => reader.cancel().catch(() => {}) };
}

/** Whether a file begins as gzip's do. A packed file begins with the length of its header, which never is so large. */
export function isGzip(head: Uint8Array): boolean {
  return head[0] === 0x1f && head[1] === 0x8b;
}

/** The same bytes, or those that gzip compressed. */
async function unzipped(model: Weighted, origin: Origin): Promise<Origin> {
  const head = new Uint8Array(2);
  let rest = head.subarray(0, await readFully(origin.read, head));
  const read = async (into: Uint8Array): Promise<number> => {
    const part = rest.subarray(0, into.length);
    if (part.length === 0) return origin.read(into);
    into.set(part);
    rest = rest.subarray(part.length);
    return part.length;
  };
  if (!isGzip(head)) return { ...origin, read };
  let broken: unknown;
  const packed = new ReadableStream<Uint8Array<ArrayBuffer>>({
    async pull(controller) {
      const piece = new Uint8Array(1 << 16);
      const count = await read(piece).catch((error: unknown) => {
        broken = error;
        throw error;
      });
      if (count === 0) controller.close();
      else controller.enqueue(piece.subarray(0, count));
    },
  });
  const reader = packed.pipeThrough(new DecompressionStream("gzip")).getReader();
  const next = async (): Promise<Piece> => {
    const { value } = await reader.read().catch((error: unknown) => {
      throw broken ?? cannotRead(model, `${origin.where}, compressed by gzip`, error);
    });
    return value;
  };
  return {
    ...origin,
    read: copying(next),
    async finish() {
      // Its end too has to arrive, if the file is to be kept.
      if (origin.finish) while (await next());
      await origin.finish?.();
    },
    async close() {
      await reader.cancel().catch(() => {});
      await origin.close?.();
    },
  };
}

/** Fills the array, unless the source ends before; returns the bytes read. */
export async function readFully(read: Origin["read"], into: Uint8Array): Promise<number> {
  let filled = 0;
  while (filled < into.length) {
    const count = await read(into.subarray(filled));
    if (count === 0) break;
    filled += count;
  }
  return filled;
}

type Piece = Uint8Array | undefined;

/** Reads by copying pieces of any size. `next` gives undefined after the last one, and may use the memory of the piece before again. */
function copying(next: () => Piece | Promise<Piece>): Origin["read"] {
  let piece: Uint8Array = new Uint8Array(0);
  return async (into) => {
    while (piece.length === 0) {
      const following = await next();
      if (!following) return 0;
      piece = following;
    }
    const part = piece.subarray(0, into.length);
    into.set(part);
    piece = piece.subarray(part.length);
    return part.length;
  };
}

function ofBase64(model: Weighted, text: string, where: string): Origin {
  const pieces = base64Pieces(text);
  const next = (): Piece => {
    try {
      return pieces.next().value ?? undefined;
    } catch (error) {
      throw cannotRead(model, where, error);
    }
  };
  return { where, read: copying(next) };
}

/** Decodes piece by piece, without a string of all bytes; a piece is valid until the next one is requested. */
function* base64Pieces(text: string): Generator<Uint8Array> {
  const size = 1 << 16;
  const piece = new Uint8Array((size / 4) * 3);
  for (let start = 0; start < text.length; start += size) {
    const binary = atob(text.slice(start, start + size));
    for (let index = 0; index < binary.length; index++) piece[index] = binary.charCodeAt(index);
    yield piece.subarray(0, binary.length);
  }
}
