// Every form in which weights may be given, compressed or not; progress, and the end of a load by a signal.

import promises, { type FileHandle } from "node:fs/promises";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";
import { afterEach, describe, expect, test, vi } from "vitest";
import type { Source } from "#runtime/source.js";
import type { LoadOptions, Progress } from "#runtime/types.js";
import { findWeights } from "#runtime/weights.js";
import { packedFile } from "../backend/packed-file.js";
import { smallProgram } from "../backend/programs.js";

const { file, model } = packedFile(smallProgram({ lanes: 4 }).weights, 4);
const data = file.slice(-32);
const address = "https://x/app/small.packed.safetensors";
const from = (options: LoadOptions): Source => ({ file: () => new URL(address), options });
const read = async (options: LoadOptions): Promise<number[]> => {
  const { buffer, byteOffset, byteLength } = await findWeights(model, from(options));
  return [...new Uint8Array(buffer, byteOffset, byteLength)];
};

const gzipped = Uint8Array.from(gzipSync(file));
/** As the command `gzip` writes it: a flag, and a name after the ten bytes of the header. */
const named = Uint8Array.from([
  ...gzipped.slice(0, 3),
  8,
  ...gzipped.slice(4, 10),
  0x78,
  0,
  ...gzipped.slice(10),
]);

afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

/** A stream of pieces that need not be bytes. */
function streamOf(...pieces: readonly unknown[]): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(to) {
      for (const piece of pieces) to.enqueue(piece as Uint8Array);
      to.close();
    },
  });
}

const halves = (bytes: Uint8Array): Uint8Array[] => [bytes.slice(0, 20), bytes.slice(20)];

/** A `fetch` that answers with these bytes, and remembers what it was asked for. */
function answering(bytes: Uint8Array<ArrayBuffer>, init?: ResponseInit) {
  const asked: { url: string; headers: Headers }[] = [];
  const fetch = async (what: string | URL | Request): Promise<Response> => {
    const request = what instanceof Request ? what : undefined;
    asked.push({ url: request?.url ?? String(what), headers: request?.headers ?? new Headers() });
    return new Response(bytes, init);
  };
  return { asked, fetch: fetch as typeof globalThis.fetch };
}

describe.each([
  ["as it is", file],
  ["compressed by gzip", gzipped],
  ["compressed by gzip, with the name of the file", named],
])("%s", (_name, bytes) => {
  const forms: Readonly<Record<string, () => LoadOptions>> = {
    "the file beside the module": () => ({ fetch: answering(bytes).fetch }),
    "a relative address": () => ({ weights: "../other", fetch: answering(bytes).fetch }),
    "a URL": () => ({ weights: new URL("https://y/other"), fetch: answering(bytes).fetch }),
    "a Request": () => ({ weights: new Request("https://y/other"), fetch: answering(bytes).fetch }),
    "a Response": () => ({ weights: new Response(bytes) }),
    "a ReadableStream": () => ({ weights: new Blob([bytes]).stream() }),
    "a stream of ArrayBuffers": () => ({ weights: streamOf(...halves(bytes).map((half) => half.buffer)) }),
    "a stream of views": () => ({
      weights: streamOf(...halves(bytes).map((half) => new DataView(half.buffer))),
    }),
    "a stream of Node, made a ReadableStream": () => ({
      weights: Readable.toWeb(Readable.from(halves(bytes))) as ReadableStream<Uint8Array>,
    }),
    "a Blob": () => ({ weights: new Blob([bytes]) }),
    "a File": () => ({ weights: new File([bytes], "small") }),
    "an ArrayBuffer": () => ({ weights: bytes.slice().buffer }),
    "a Uint8Array": () => ({ weights: bytes.slice() }),
    "a `data:` address, which nobody has to fetch": () => ({
      weights: `data:application/octet-stream;base64,${Buffer.from(bytes).toString("base64")}`,
      fetch: () => Promise.reject(new Error("fetched")),
    }),
    "a `data:` address in another notation": () => ({
      weights: `data:,${Array.from(bytes, (byte) => `%${byte.toString(16).padStart(2, "0")}`).join("")}`,
    }),
    "a promise of bytes": () => ({ weights: Promise.resolve(bytes.slice()) }),
    "a promise of a Response": () => ({ weights: Promise.resolve(new Response(bytes)) }),
  };

  test.each(Object.entries(forms))("%s", async (_form, options) => {
    const told: Progress[] = [];
    expect(await read({ ...options(), onProgress: (progress) => told.push(progress) })).toEqual([...data]);
    for (const { total } of told) expect(total).toBe(32);
    expect(told.at(-1)!.loaded).toBe(32);
  });
});

test("what is asked for", async () => {
  const { asked, fetch } = answering(file);
  await read({ fetch });
  await read({ fetch, weights: "../other?v=2" });
  await read({ fetch, weights: new Request("https://y/z", { headers: { authorization: "me" } }) });
  expect(asked.map(({ url }) => url)).toEqual([address, "https://x/other?v=2", "https://y/z"]);
  expect(asked[2]!.headers.get("authorization")).toBe("me");
});

describe("an address on the disk, in a page,", () => {
  const source = (options: LoadOptions, folder = "/build/out"): Source => ({
    file: () => pathToFileURL(join(folder, "small.packed.safetensors")),
    options,
  });

  test("is that of a build, and is taken from the page", async () => {
    vi.stubGlobal("location", { href: "https://shop.example/cart/index.html" });
    vi.spyOn(process, "getBuiltinModule").mockReturnValue(undefined as never);
    const { asked, fetch } = answering(file);
    await findWeights(model, source({ fetch }));
    expect(asked[0]!.url).toBe("https://shop.example/cart/small.packed.safetensors");
  });

  test("is right where a test in Node makes the page", async () => {
    vi.stubGlobal("location", { href: "http://localhost/" });
    const folder = mkdtempSync(join(tmpdir(), "cleave-sources-"));
    try {
      writeFileSync(join(folder, "small.packed.safetensors"), file);
      const { asked, fetch } = answering(file);
      await findWeights(model, source({ fetch }, folder));
      expect(asked).toEqual([]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe("an address that only looks like a URL, as some bundlers give it,", () => {
  const source = (options: LoadOptions): Source => ({
    file: () => ({ href: "/static/small.1a2b.safetensors" }) as URL,
    options,
  });

  test("is completed in a page", async () => {
    vi.stubGlobal("location", { href: "https://shop.example/cart/" });
    const { asked, fetch } = answering(file);
    await findWeights(model, source({ fetch }));
    await findWeights(model, source({ fetch, weights: "other" }));
    expect(asked.map(({ url }) => url)).toEqual([
      "https://shop.example/static/small.1a2b.safetensors",
      "https://shop.example/static/other",
    ]);
  });

  test("is none on a server", async () => {
    await expect(findWeights(model, source({}))).rejects.toThrow(
      "small: cannot find small.packed.safetensors beside this module, which has no address; pass load({ weights }) as bytes or a full URL",
    );
  });
});

test.each([
  ["without an address of its own", undefined],
  ["with an address that has no place beside it", () => new URL("./small.packed.safetensors", "data:,")],
])("a classic script, %s, is taken to be where the page is", async (_name, place) => {
  vi.stubGlobal("location", { href: "https://shop.example/cart/" });
  const { asked, fetch } = answering(file);
  await findWeights(model, { ...(place ? { file: place } : {}), options: { fetch } });
  await findWeights(model, { ...(place ? { file: place } : {}), options: { fetch, weights: "../other" } });
  expect(asked.map(({ url }) => url)).toEqual([
    "https://shop.example/cart/small.packed.safetensors",
    "https://shop.example/other",
  ]);
});

test("a full address needs no address of the module", async () => {
  const { asked, fetch } = answering(file);
  await findWeights(model, { options: { fetch, weights: "https://y/z" } });
  expect(asked[0]!.url).toBe("https://y/z");
  await expect(findWeights(model, { options: { fetch, weights: "z" } })).rejects.toThrow(
    "small: cannot find z beside this module, which has no address; pass load({ weights }) as bytes or a full URL",
  );
});

describe("refused", () => {
  test.each<[string, () => LoadOptions, string]>([
    [
      "a page instead of the file",
      () => answering(new TextEncoder().encode("<!doctype html><title>Shop</title>")),
      `small: ${address} is not a packed weight file of Cleave: it is an HTML page, as servers send instead of a missing file; put small.packed.safetensors there, or pass load({ weights })`,
    ],
    [
      "a missing file",
      () => answering(file, { status: 404, statusText: "Not Found" }),
      `small: cannot read the weights ${address}: 404 Not Found; put small.packed.safetensors there, or pass load({ weights })`,
    ],
    [
      "the response to a request without CORS",
      () => ({ weights: Object.defineProperty(Response.error(), "type", { value: "opaque" }) }),
      "small: cannot read the weights the response given: its bytes are hidden from the page; request it without no-cors, from a server that allows it",
    ],
    [
      "a redirect that was not followed",
      () => ({ weights: Object.defineProperty(Response.error(), "type", { value: "opaqueredirect" }) }),
      'small: cannot read the weights the response given: it is a redirect; request it without redirect: "manual"',
    ],
    [
      "a failed request",
      () => ({ weights: Response.error() }),
      "small: cannot read the weights the response given: the request failed",
    ],
    [
      "a failed request that has a cause",
      () => ({
        fetch: () =>
          Promise.reject(new TypeError("fetch failed", { cause: new Error("connect ECONNREFUSED") })),
      }),
      `small: cannot read the weights ${address}: fetch failed (connect ECONNREFUSED)`,
    ],
    [
      "a `data:` address of a page",
      () => ({ weights: "data:text/html,%3Chtml%3E" }),
      "small: the data: address is not a packed weight file of Cleave: it has 6 bytes, and it is an HTML page, as servers send instead of a missing file; put small.packed.safetensors there, or pass load({ weights })",
    ],
    [
      "a response whose body is no stream",
      () => ({ fetch: async () => ({ ok: true, body: { getReader: 1 } }) as never }),
      `small: cannot read the weights ${address}: its body must be a ReadableStream, not Object`,
    ],
    [
      "a failed response",
      () => ({ weights: new Response(file, { status: 500 }) }),
      "small: cannot read the weights the response given: 500",
    ],
    [
      "a response that was read",
      () => {
        const weights = new Response(file);
        weights.body!.getReader();
        return { weights };
      },
      "small: cannot read the weights the response given: something else reads it, or has read it",
    ],
    [
      "a number",
      () => ({ weights: 5 as never }),
      "small: load takes weights as a URL, a Request, a Response, a ReadableStream, a Blob, an ArrayBuffer or a Uint8Array, or a promise of one, not Number",
    ],
    [
      "a stream of Node",
      () => ({ weights: Readable.from([file]) as never }),
      "not a stream of Node; Readable.toWeb(stream) makes a ReadableStream of it",
    ],
    [
      "a response whose body is a stream of Node",
      () => ({ fetch: async () => ({ ok: true, body: Readable.from([file]) }) as never }),
      `small: cannot read the weights ${address}: it is a stream of Node; Readable.toWeb(stream) makes a ReadableStream of it`,
    ],
    ...["text", [1, 2], 5, null, undefined].map((piece): [string, () => LoadOptions, string] => [
      `a stream of ${JSON.stringify(piece)}`,
      () => ({ weights: streamOf(file.slice(0, 40), piece) }),
      `small: the stream given must give pieces of type Uint8Array or ArrayBuffer, not ${Object.prototype.toString.call(piece).slice(8, -1)}`,
    ]),
    ...[undefined, null, file, {}, "text"].map((answer): [string, () => LoadOptions, string] => [
      `a fetch that gives ${Object.prototype.toString.call(answer)}`,
      () => ({ fetch: async () => answer as never }),
      `small: fetch must give a Response, not ${Object.prototype.toString.call(answer).slice(8, -1)}`,
    ]),
    ["a promise that fails", () => ({ weights: Promise.reject(new Error("no login")) }), "no login"],
  ])("%s", async (_name, options, message) => {
    const error = await read(options()).catch((thrown: unknown) => thrown as Error);
    // The whole message, or its end: it names the net and what was read once.
    expect(String((error as Error).message).endsWith(message), String(error)).toBe(true);
    expect((error as Error).message.split("small: ").length).toBeLessThanOrEqual(2);
  });

  test.each(["http://", "https://[", "//", "wss://a b/"])("the invalid URL %s", async (weights) => {
    const message = `small: the weights are given by an invalid URL, "${weights}"`;
    await expect(read({ weights })).rejects.toThrow(message);
    // Without an address of the module, an address without a scheme may be right.
    if (weights !== "//") {
      await expect(findWeights(model, { options: { weights } })).rejects.toThrow(message);
    }
  });

  const html = "<!doctype html><title>Shop</title>";
  test.each([
    ["a page", html, "it is an HTML page"],
    ["a page after white space", `${"\r\n  ".repeat(20)}${html}`, "it is an HTML page"],
    ["a page after a byte order mark", `\ufeff\n${html}`, "it is an HTML page"],
    ["JSON", '{"error":"`no`"}', 'it begins with `{"error":"\\x60no\\x60"}`'],
    [
      "a pointer of Git LFS",
      "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n",
      "it begins with `version https://git-lfs.github.com/spec/`",
    ],
    ["text of other letters", "é".repeat(9), `it begins with \`${"\\xc3\\xa9".repeat(9)}\``],
    ["a short page", "<p>", "it has 3 bytes, and it is an HTML page"],
    ["a short answer", "null", "it has 4 bytes, and it begins with `null`"],
    ["nothing", "", "it has 0 bytes"],
  ])("%s instead of the file", async (_name, text, message) => {
    const bytes = new TextEncoder().encode(text);
    for (const options of [
      answering(bytes),
      { weights: bytes },
      { weights: streamOf(...Array.from(bytes, (byte) => Uint8Array.of(byte))) },
      { weights: Uint8Array.from(gzipSync(bytes)) },
    ]) {
      await expect(read(options)).rejects.toThrow(`is not a packed weight file of Cleave: ${message}`);
    }
  });

  test.each([
    ["null", 'it has no tensor "packed"'],
    ["7", 'it has no tensor "packed"'],
    ["{}", 'it has no tensor "packed"'],
    ['{"packed":7}', 'it has no tensor "packed"'],
    ['{"packed":{"data_offsets":7}}', 'it has no tensor "packed"'],
    ['{"packed":{"data_offsets":[]}}', "it holds 0 bytes of data, and 32 are needed"],
    ['{"packed":{"data_offsets":["a",{}]}}', "it holds 0 bytes of data, and 32 are needed"],
    ['{"packed":{"data_offsets":[0,28]}}', "it holds 28 bytes of data, and 32 are needed"],
    ['{"packed"', "its header is not JSON"],
  ])("the header %s", async (header, message) => {
    const length = new Uint8Array(8);
    length[0] = header.length;
    const bytes = Uint8Array.from([...length, ...new TextEncoder().encode(header), ...data]);
    for (const weights of [bytes, new Blob([bytes])]) {
      await expect(read({ weights })).rejects.toThrow(`is not a packed weight file of Cleave: ${message}`);
    }
  });

  test("a header whose length needs more than four bytes", async () => {
    const bytes = Uint8Array.from(file);
    bytes[4] = 1;
    await expect(read({ weights: bytes })).rejects.toThrow(
      "is not a packed weight file of Cleave: it begins with",
    );
  });

  test("a `data:` address whose base64 is wrong", async () => {
    await expect(read({ weights: "data:;base64,!" })).rejects.toThrow(
      /^small: cannot read the weights the data: address: /,
    );
  });

  test("gzip that is cut off", async () => {
    const cut = gzipped.slice(0, -12);
    await expect(read({ weights: new Blob([cut]) })).rejects.toThrow(
      /^small: cannot read the weights the blob given, compressed by gzip: /,
    );
  });
});

test("where nothing may be kept, and to ask for the Cache API fails, weights are read all the same", async () => {
  const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
  const own = Object.getOwnPropertyDescriptor(globalThis, "caches");
  Object.defineProperty(globalThis, "caches", {
    configurable: true,
    get() {
      throw new DOMException("the frame is sandboxed", "SecurityError");
    },
  });
  try {
    expect(await read({ fetch: answering(file).fetch, cache: true })).toEqual([...data]);
  } finally {
    if (own) Object.defineProperty(globalThis, "caches", own);
    else Reflect.deleteProperty(globalThis, "caches");
  }
  expect(warn.mock.calls).toEqual([["small: the weights are not kept: the frame is sandboxed"]]);
});

test("progress does not go back when kept bytes were wrong, and the download begins anew", async () => {
  const kept = [Uint8Array.from(file).fill(1, file.length - 4)];
  const keep = {
    match: async () => (kept[0] ? new Response(kept[0]) : undefined),
    put: async () => {},
    delete: async () => kept.pop() !== undefined,
  };
  vi.stubGlobal("caches", { open: async () => keep });
  const told: Progress[] = [];
  const { asked, fetch } = answering(file);
  const options = { fetch, cache: true, onProgress: (progress: Progress) => told.push(progress) };
  expect(await read(options)).toEqual([...data]);
  expect(asked).toHaveLength(1);
  expect(told).toEqual([{ loaded: 32, total: 32 }]);
});

describe("a signal", () => {
  test("that was given before", async () => {
    const { asked, fetch } = answering(file);
    await expect(read({ fetch, signal: AbortSignal.abort(new Error("left")) })).rejects.toThrow("left");
    expect(asked).toEqual([]);
  });

  test("while nothing arrives", async () => {
    const controller = new AbortController();
    const stream = new ReadableStream({ start: (to) => to.enqueue(file.slice(0, 40)) });
    const reading = read({ weights: stream, signal: controller.signal });
    setTimeout(() => controller.abort(new Error("left")), 5);
    await expect(reading).rejects.toThrow("left");
  });

  test("while bytes arrive", async () => {
    const controller = new AbortController();
    let isCancelled = false;
    const stream = new ReadableStream<Uint8Array<ArrayBuffer>>({
      pull(to) {
        to.enqueue(file.slice(0, file.length - 16));
        return new Promise(() => {});
      },
      cancel() {
        isCancelled = true;
      },
    });
    const onProgress = ({ loaded }: Progress) => {
      if (loaded > 0) controller.abort(new Error("left"));
    };
    const reading = read({ weights: stream, signal: controller.signal, onProgress });
    await expect(reading).rejects.toThrow("left");
    expect(isCancelled).toBe(true);
  });

  /** A stream that gives these bytes and then nothing, and tells whether it was cancelled. */
  function hanging(bytes: Uint8Array) {
    const state = { isCancelled: false };
    const stream = new ReadableStream<Uint8Array<ArrayBuffer>>({
      start: (to) => bytes.length > 0 && to.enqueue(Uint8Array.from(bytes)),
      cancel() {
        state.isCancelled = true;
      },
    });
    return { stream, state };
  }

  const later = <T>(value: T): Promise<T> => new Promise((resolve) => setTimeout(resolve, 10, value));

  describe.each([
    ["as it is", file],
    ["compressed by gzip", gzipped],
  ])("cancels a stream of the file, %s,", (_name, bytes) => {
    test.each([0, 1, 2, 12, 40])("that hangs after %i bytes", async (count) => {
      const { stream, state } = hanging(bytes.slice(0, count));
      const controller = new AbortController();
      const reading = read({ weights: stream, signal: controller.signal });
      setTimeout(() => controller.abort(new Error("left")), 5);
      await expect(reading).rejects.toThrow("left");
      expect(state.isCancelled).toBe(true);
    });
  });

  test.each<[string, (stream: ReadableStream<Uint8Array<ArrayBuffer>>) => LoadOptions]>([
    ["a stream", (stream) => ({ weights: later(stream) })],
    ["a response", (stream) => ({ weights: later(new Response(stream)) })],
    [
      "the answer of a fetch that knows no signals",
      (stream) => ({ fetch: () => later(new Response(stream)) }),
    ],
    [
      "the answer of a fetch, to be kept,",
      (stream) => {
        vi.spyOn(console, "warn").mockImplementation(() => {});
        const keep = { match: async () => undefined, put: async () => {}, delete: async () => false };
        vi.stubGlobal("caches", { open: async () => keep });
        return { cache: true, fetch: () => later(new Response(stream)) };
      },
    ],
  ])("cancels %s that comes later", async (_name, options) => {
    const { stream, state } = hanging(new Uint8Array(0));
    const controller = new AbortController();
    const reading = read({ ...options(stream), signal: controller.signal });
    setTimeout(() => controller.abort(new Error("left")), 1);
    await expect(reading).rejects.toThrow("left");
    expect(state.isCancelled).toBe(true);
  });
});

test.each<[string, Uint8Array | undefined]>([
  ["that is a folder", undefined],
  ["that is empty", new Uint8Array(0)],
  ["that is none of Cleave's", new Uint8Array(300).fill(0x20)],
  ["that is right", file],
])("a file on the disk %s is closed", async (_name, bytes) => {
  const folder = mkdtempSync(join(tmpdir(), "cleave-sources-"));
  try {
    if (bytes) writeFileSync(join(folder, "small"), bytes);
    const opening = vi.spyOn(promises, "open");
    await findWeights(model, {
      options: { weights: pathToFileURL(bytes ? join(folder, "small") : folder) },
    }).catch(() => {});
    const [handle] = await Promise.all(opening.mock.results.map(({ value }) => value as Promise<FileHandle>));
    expect(handle!.fd).toBe(-1);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
