// A `fetch` for tests that answers from memory.

import { vi } from "vitest";

/** `fetch` gives these bytes in pieces of this size, until `vi.unstubAllGlobals`. */
export function serve(bytes: Uint8Array, size: number): void {
  let at = 0;
  serveReads(async () => {
    const value = at < bytes.length ? bytes.slice(at, at + size) : undefined;
    at += size;
    return { done: value === undefined, value };
  });
}

/** `fetch` gives a body that is read by this function. */
export function serveReads(read: () => Promise<unknown>): void {
  const reader = { read, cancel: async () => {} };
  vi.stubGlobal("fetch", async () => ({ ok: true, body: { locked: false, getReader: () => reader } }));
}
