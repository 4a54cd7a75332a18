// Keeps downloaded weights in the Cache API by their hash, in pieces, so that a download that was cut off goes on where it ended.

import type { Origin } from "./source.js";
import type { LoadOptions, Model } from "./types.js";

/** The name of the cache, by which a page can delete it. */
const cacheName = "cleave-weights";

/** Bytes of each piece but the last, which is shorter, and may be empty: so a shorter piece says that all are there. */
const keptBytes = 1 << 22;

/** The part of the Cache API that is used. */
interface Keep {
  match(key: string): Promise<Response | undefined>;
  put(key: string, response: Response): Promise<void>;
  delete(key: string): Promise<boolean>;
}

/** A download from some byte on: what the server sends, and the byte at which that begins, which is 0 if the server knows no ranges. */
export type Download = (from: number) => Promise<{ readonly origin: Origin; readonly start: number }>;

/** The bytes that are kept, and then those of a download, which are kept too. */
export async function cached(
  model: Pick<Model, "name" | "weights">,
  where: string,
  { signal }: LoadOptions,
  download: Download,
): Promise<Origin> {
  const warn = (why: unknown): void =>
    console.warn(
      `${model.name}: the weights are not kept: ${why instanceof Error ? why.message : String(why)}`,
    );
  let keep: Keep | undefined;
  try {
    // In a frame that may keep nothing, to ask whether it is there fails already.
    const { caches } = globalThis as { caches?: { open(name: string): Promise<Keep> } };
    keep = await caches?.open(cacheName);
    if (!caches) warn("there is no Cache API here, which pages need https for, and Node does not have");
  } catch (error) {
    warn(error);
  }
  if (!keep) return (await download(0)).origin;

  // Nothing is ever asked of this address.
  const keyOf = (piece: number): string => `https://cleave.invalid/${model.weights.hash}/${piece}`;
  let store: Keep | undefined = keep;
  /** What is to be read of the present piece, and its number. */
  let left: Uint8Array = new Uint8Array(0);
  let pieces = 0;
  let isWhole = false;
  let net: Origin | undefined;
  let isCutOff = false;
  const room = new Uint8Array(keptBytes);
  let filled = 0;
  let writing: Promise<unknown> = Promise.resolve();

  /** Removes all pieces. */
  async function forget(): Promise<void> {
    for (let piece = 0; await keep?.delete(keyOf(piece)).catch(() => false); piece++);
  }

  /** The present piece, if it is kept. What a browser cannot read is loaded, and not kept. */
  async function keptPiece(): Promise<Uint8Array | undefined> {
    try {
      const kept = await keep?.match(keyOf(pieces));
      return kept && new Uint8Array(await kept.arrayBuffer());
    } catch (error) {
      store = undefined;
      warn(error);
      return undefined;
    }
  }

  /** Keeps what has arrived as the next piece, while more arrives. */
  async function put(): Promise<void> {
    await writing;
    const bytes = room.slice(0, filled);
    const key = keyOf(pieces++);
    filled = 0;
    writing = Promise.resolve(
      store?.put(key, new Response(bytes)).catch(async (error: unknown) => {
        // The quota is exceeded, for example.
        store = undefined;
        await forget();
        warn(error);
      }),
    );
  }

  async function readNet(into: Uint8Array): Promise<number> {
    try {
      if (!net) {
        const from = pieces * keptBytes;
        const { origin, start } = await download(from);
        net = origin;
        // It was closed before it was open.
        signal?.throwIfAborted();
        // A server that knows no ranges sends all again.
        for (let skipped = start; skipped < from;) {
          const count = await net.read(room.subarray(0, from - skipped));
          if (count === 0) break;
          skipped += count;
        }
      }
      const count = await net.read(into.subarray(0, keptBytes - filled));
      room.set(into.subarray(0, count), filled);
      filled += count;
      if (filled === keptBytes) await put();
      return count;
    } catch (error) {
      isCutOff = true;
      throw error;
    }
  }

  let hadKept = false;
  return {
    where,
    async read(into) {
      if (net) return readNet(into);
      while (left.length === 0 && !isWhole) {
        const kept = await keptPiece();
        if (!kept) break;
        left = kept;
        isWhole = left.length < keptBytes;
        hadKept = true;
        pieces++;
      }
      if (left.length === 0) return isWhole ? 0 : readNet(into);
      const part = left.subarray(0, into.length);
      into.set(part);
      left = left.subarray(part.length);
      return part.length;
    },
    async finish() {
      if (isWhole) return;
      // What follows the data, such as the end of a compressed file.
      const rest = new Uint8Array(1 << 12);
      while ((await readNet(rest)) > 0);
      await put();
      await writing;
    },
    async fail() {
      if (isCutOff || signal?.aborted) return false;
      await writing;
      await forget();
      return hadKept;
    },
    async close() {
      await net?.close?.();
      await writing;
    },
  };
}
