// Pictures as inputs in Chromium: every kind, as it is and in another size, part of one, several; and pictures without pixels.

import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { compile } from "#compile/compile.js";
import { hasChromium, inPage, isolation, launch, ready, serve, watch } from "./chromium.js";
import type { Server } from "./chromium.js";

/** Nets whose output is their input, so that they show what becomes of a picture. */
const nets = {
  same: "f32[N, 24, 32, 3] preprocess(scale=1)",
  smaller: "f32[N, 6, 8, 3] preprocess(scale=1)",
  larger: "f32[N, 48, 64, 3] preprocess(scale=1)",
  cover: "f32[N, 6, 6, 3] preprocess(scale=1, fit=cover)",
  contain: "f32[N, 8, 8, 3] preprocess(scale=1, fit=contain, pad=99)",
  first: "f32[N, 3, 24, 32] preprocess(scale=1, layout=nchw, order=bgr)",
  gray: "f32[1, 24, 32, 1] preprocess(scale=1)",
  clear: "f32[1, 24, 32, 4] preprocess(scale=1)",
} as const;

type Name = keyof typeof nets;
const targets = ["wasm", "js", "wgsl"] as const;
type Target = (typeof targets)[number];

const files = new Map<string, string | Uint8Array>();
for (const target of targets) {
  for (const [name, input] of Object.entries(nets)) {
    const text = `net ${name} {\n  input image: ${input}\n  output y = relu(image)\n}\n`;
    const { value, diagnostics } = compile(text, { target });
    expect(diagnostics).toEqual([]);
    files.set(`/${target}/${name}.mjs`, value!.module);
  }
}
// Everything below runs on the page: pictures by kind, all of the same smooth colors.
files.set(
  "/",
  `<!doctype html><link rel="icon" href="data:,"><script type="module">
  const [width, height] = [32, 24];
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [width, height];
  const context = canvas.getContext("2d");
  const pixels = new ImageData(width, height);
  for (let y = 0, at = 0; y < height; y++)
    for (let x = 0; x < width; x++, at += 4)
      pixels.data.set([8 * x, 10 * y, 128 + 100 * Math.sin(x / 5) * Math.cos(y / 4), 255], at);
  context.putImageData(pixels, 0, 0);
  const vector = new Image();
  // It has proportions, but no size.
  vector.src = "data:image/svg+xml," + encodeURIComponent('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 4 3"><path fill="#c86432" d="M0 0h2v3H0z"/><path fill="#3264c8" d="M2 0h2v3H2z"/></svg>');
  await vector.decode();
  const offscreen = new OffscreenCanvas(width, height);
  offscreen.getContext("2d").putImageData(pixels, 0, 0);
  const url = URL.createObjectURL(await new Promise((done) => canvas.toBlob(done)));
  const img = new Image();
  img.src = url;
  await img.decode();
  const video = document.createElement("video");
  video.muted = true;
  video.srcObject = canvas.captureStream();
  const shown = new Promise((done) => video.addEventListener("loadeddata", done));
  void video.play();
  context.putImageData(pixels, 0, 0);
  await shown;
  const clear = new ImageData(width, height);
  clear.data.set(pixels.data.map((value, at) => (at % 4 === 3 ? 128 : value)));
  const pictures = {
    ImageData: pixels,
    pixels: { data: new Uint8Array(pixels.data), width, height },
    "<canvas>": canvas,
    OffscreenCanvas: offscreen,
    ImageBitmap: await createImageBitmap(canvas),
    "<img>": img,
    "<video>": video,
    VideoFrame: new VideoFrame(canvas, { timestamp: 0 }),
    clear,
    vector,
    "right half of a vector": { picture: vector, x: vector.naturalWidth / 2 },
    "clear bitmap": await createImageBitmap(clear),
    part: { picture: pixels, x: 3, y: 2, width: 17, height: 11 },
    "part of a canvas": { picture: canvas, x: 3, y: 2, width: 17, height: 11 },
    "unloaded <img>": new Image(),
    "early <video>": document.createElement("video"),
    "closed ImageBitmap": await createImageBitmap(canvas).then((bitmap) => (bitmap.close(), bitmap)),
    "bare bytes": pixels.data,
    "far part": { picture: canvas, x: 20, width: 20 },
    "part of a part": { picture: { picture: canvas, x: 2 }, x: 3 },
    "wrong pixels": { data: new Uint8Array(10), width: 2, height: 2 },
    text: "cat.png",
    element: document.body,
  };
  const nets = {};
  globalThis.drawnUrl = url;
  globalThis.see = (target, name, kinds, sync = false) =>
    seeOf(target, name, Array.isArray(kinds) ? kinds.map((kind) => pictures[kind]) : pictures[kinds], sync);
  globalThis.seeOf = async (target, name, given, sync = false) => {
    const { load } = await import("/" + target + "/" + name + ".mjs");
    const net = (nets[target + name] ??= await load());
    const { y } = sync ? net.runSync({ image: given }) : await net.run({ image: given });
    return [...y];
  };
</script>`,
);

describe.skipIf(!hasChromium)("in Chromium", () => {
  let browser: Browser;
  let server: Server;
  let page: Page;
  const see = (
    name: Name,
    kinds: string | readonly string[],
    { target = "wasm", sync = false }: { readonly target?: Target; readonly sync?: boolean } = {},
  ): Promise<number[]> =>
    inPage(page, "(target, name, kinds, sync) => see(target, name, kinds, sync)", target, name, kinds, sync);

  beforeAll(async () => {
    browser = await launch();
    server = await serve((path) => files.get(path), isolation);
    page = await browser.newPage();
    const { problems } = watch(page);
    await page.goto(server.url);
    await ready(page, "see");
    expect(problems).toEqual([]);
  }, 60_000);
  afterAll(async () => {
    await browser?.close();
    server?.close();
  });

  const drawn = ["<canvas>", "OffscreenCanvas", "ImageBitmap", "<img>", "<video>", "VideoFrame"];

  test.each(targets)("pixels become the input as they are (%s)", async (target) => {
    const values = await see("same", "ImageData", { target });
    expect(values.slice(0, 6)).toEqual([0, 0, 128, 8, 0, expect.any(Number)]);
    expect(values).toHaveLength(24 * 32 * 3);
    expect(await see("same", "pixels", { target })).toEqual(values);
    expect(await see("same", "<img>", { target })).toEqual(values);
    // A GPU has no runSync.
    if (target !== "wgsl") expect(await see("same", "pixels", { target, sync: true })).toEqual(values);
  });

  test.each(drawn)("%s has the pixels that were drawn", async (kind) => {
    const expected = await see("same", "ImageData");
    // Frames of a video may be stored as luma and halved chroma.
    const most = kind === "<video>" ? 8 : 0;
    expect(largest(await see("same", kind), expected)).toBeLessThanOrEqual(most);
  });

  test.each(
    (["smaller", "larger", "cover", "contain"] as const).flatMap((net) =>
      drawn.map((kind) => [net, kind] as const),
    ),
  )("%s of %s is near that of pixels", async (net, kind) => {
    const expected = await see(net, "ImageData");
    const actual = await see(net, kind);
    // Canvases have filters of their own, which for smooth pictures differ little.
    expect(largest(actual, expected)).toBeLessThanOrEqual(12);
    expect(mean(actual, expected)).toBeLessThanOrEqual(3);
  });

  describe("on a GPU", () => {
    let other: Page;
    let problems: readonly string[];
    const onGpu = (name: Name, kinds: string | readonly string[]): Promise<number[]> =>
      inPage(other, "(...given) => see(...given)", "wgsl", name, kinds);

    beforeAll(async () => {
      other = await browser.newPage();
      ({ problems } = watch(other));
      // The adapter is software, which would leave pictures to the canvas. Frames of videos are, as it cannot copy them.
      await other.addInitScript(`
        Object.defineProperty(GPUAdapterInfo.prototype, "isFallbackAdapter", { get: () => false });
        globalThis.copies = 0;
        for (const name of ["copyExternalImageToTexture", "writeTexture"]) {
          const copy = GPUQueue.prototype[name];
          GPUQueue.prototype[name] = function (...given) {
            const result = copy.apply(this, given);
            copies++;
            return result;
          };
        }`);
      await other.goto(server.url);
      await ready(other, "see");
    }, 60_000);
    afterAll(() => other?.close());

    const still = ["<canvas>", "OffscreenCanvas", "ImageBitmap", "<img>", "ImageData"];

    test.each((Object.keys(nets) as Name[]).filter((name) => name !== "clear"))(
      "%s: every kind has the values that pixels have",
      async (name) => {
        const before = await inPage<number>(other, "() => copies");
        const pixels = await see(name, "ImageData", { target: "js" });
        for (const kind of still) expect([kind, await onGpu(name, kind)]).toEqual([kind, pixels]);
        const part = await see(name, "part", { target: "js" });
        for (const kind of ["part", "part of a canvas"])
          expect([kind, await onGpu(name, kind)]).toEqual([kind, part]);
        expect(await onGpu(name, "clear")).toEqual(await see(name, "clear", { target: "js" }));
        // The bitmap itself is rounded, since it holds products of colors and transparency.
        expect(largest(await onGpu(name, "clear bitmap"), await onGpu(name, "clear"))).toBeLessThanOrEqual(1);
        expect(await inPage(other, "() => copies")).toBe(before + still.length + 5);
        expect(problems).toEqual([]);
      },
    );

    test("lists, with pictures of any kind and size", async () => {
      const kinds = ["ImageData", "part", "<img>", "part of a canvas", "ImageBitmap"];
      const each = await Promise.all(kinds.map((kind) => onGpu("smaller", kind)));
      expect(await onGpu("smaller", kinds)).toEqual(each.flat());
    });

    test("an element of which a picture was refused is copied again when it shows another", async () => {
      const picture = `async () => {
        const img = new Image();
        img.src = "data:image/svg+xml," + encodeURIComponent('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 4 3"><path d="M0 0h2v3H0z"/></svg>');
        await img.decode();
        await seeOf("wgsl", "smaller", img);
        const before = copies;
        img.src = globalThis.drawnUrl;
        await img.decode();
        const values = await seeOf("wgsl", "smaller", img);
        return [copies - before, values];
      }`;
      const expected = await see("smaller", "ImageData", { target: "js" });
      expect(await inPage(other, picture)).toEqual([1, expected]);
    });

    test("what the device cannot copy goes through a canvas", async () => {
      for (const kind of ["vector", "<video>", "VideoFrame", "vector"])
        expect([kind, await onGpu("smaller", kind)]).toEqual([kind, await see("smaller", kind)]);
    });
  });

  test("a canvas whose smoothing skips pixels, as that of Firefox: all pixels count", async () => {
    const context = await browser.newContext();
    const other = await context.newPage();
    await other.addInitScript("delete OffscreenCanvasRenderingContext2D.prototype.imageSmoothingQuality");
    await other.goto(server.url);
    await ready(other, "see");
    const seen = (name: Name, kind: string): Promise<number[]> =>
      inPage(other, "(...given) => see(...given)", "js", name, kind);
    for (const name of ["smaller", "cover"] as const)
      for (const kind of ["<canvas>", "OffscreenCanvas", "ImageBitmap", "<img>"])
        expect([name, kind, await seen(name, kind)]).toEqual([name, kind, await see(name, "ImageData")]);
    // What lies around a part is not seen.
    expect(largest(await seen("smaller", "part of a canvas"), await see("smaller", "part"))).toBeLessThan(12);
    // The canvas was larger before.
    expect(await seen("contain", "<img>")).toEqual(await see("contain", "ImageData"));
    expect(await seen("same", "<img>")).toEqual(await see("same", "ImageData"));
    await context.close();
  });

  test("an SVG picture without a size, and a part of it", async () => {
    const whole = await see("same", "vector");
    expect([whole.slice(0, 3), whole.slice(-3)]).toEqual([
      [200, 100, 50],
      [50, 100, 200],
    ]);
    const half = await see("same", "right half of a vector");
    expect([half.slice(6, 9), half.slice(-3)]).toEqual([
      [50, 100, 200],
      [50, 100, 200],
    ]);
  });

  test("channels first, blue first", async () => {
    const [plain, moved] = [await see("same", "<img>"), await see("first", "<img>")];
    const area = 24 * 32;
    const back = Array.from(
      { length: 3 * area },
      (_, at) => moved[(2 - (at % 3)) * area + Math.floor(at / 3)],
    );
    expect(back).toEqual(plain);
  });

  test("gray, from pixels and from a canvas", async () => {
    const plain = await see("same", "ImageData");
    const luma = Array.from({ length: 24 * 32 }, (_, at) => {
      const [red = 0, green = 0, blue = 0] = plain.slice(3 * at, 3 * at + 3);
      return 0.299 * red + 0.587 * green + 0.114 * blue;
    });
    const values = await see("gray", "ImageData");
    expect(largest(values, luma)).toBeLessThanOrEqual(0.51);
    expect(await see("gray", "<canvas>")).toEqual(values);
  });

  test("borders have their gray, above and below", async () => {
    for (const kind of ["ImageData", "<img>"]) {
      const values = await see("contain", kind);
      const rows = Array.from({ length: 8 }, (_, y) => new Set(values.slice(24 * y, 24 * (y + 1))));
      expect(rows.map((row) => row.size === 1 && row.has(99))).toEqual([
        true,
        false,
        false,
        false,
        false,
        false,
        false,
        true,
      ]);
    }
  });

  test("a batch is a list", async () => {
    const each = [await see("smaller", "ImageData"), await see("smaller", "<img>")];
    expect(await see("smaller", ["ImageData", "<img>"])).toEqual(each.flat());
  });

  test("a part of a picture", async () => {
    const [part, canvas] = [await see("smaller", "part"), await see("smaller", "part of a canvas")];
    expect(largest(canvas, part)).toBeLessThanOrEqual(12);
    expect(largest(part, await see("smaller", "ImageData"))).toBeGreaterThan(20);
  });

  test("transparent pixels lie on black, and stay transparent where the input has four channels", async () => {
    const [plain, pixels, bitmap] = [
      await see("same", "ImageData"),
      await see("same", "clear"),
      await see("same", "clear bitmap"),
    ];
    expect(
      largest(
        pixels,
        plain.map((value) => (value * 128) / 255),
      ),
    ).toBeLessThanOrEqual(0.51);
    expect(largest(bitmap, pixels)).toBeLessThanOrEqual(1);
    const four = await see("clear", "clear");
    expect(four.filter((_, at) => at % 4 === 3).every((value) => value === 128)).toBe(true);
    expect(largest(await see("clear", "clear bitmap"), four)).toBeLessThanOrEqual(2);
  });

  test.each([
    ["unloaded <img>", "is HTMLImageElement without pixels; await its decode()"],
    ["early <video>", "is HTMLVideoElement without pixels"],
    ["closed ImageBitmap", "is ImageBitmap without pixels"],
    ["bare bytes", "must be a picture or a Float32Array, not a bare Uint8ClampedArray"],
    ["part of a part", "not a part of a part: give its place in the whole picture"],
    ["far part", "is a part of 20 × 24 pixels at 20, 0, which is not inside a picture of 32 × 24"],
    ["wrong pixels", "has 10 bytes for 2 × 2 pixels; each pixel has 1, 3 or 4"],
    ["text", 'input "image" must be a picture or a Float32Array, not String'],
    ["element", 'input "image" must be a picture or a Float32Array, not HTML'],
  ])("%s", async (kind, message) => {
    await expect(see("same", kind)).rejects.toThrow(message);
    await expect(see("same", kind, { sync: true })).rejects.toThrow(message);
  });
});

function largest(actual: readonly number[], expected: readonly number[]): number {
  expect(actual).toHaveLength(expected.length);
  return Math.max(...actual.map((value, at) => Math.abs(value - expected[at]!)));
}

function mean(actual: readonly number[], expected: readonly number[]): number {
  return actual.reduce((sum, value, at) => sum + Math.abs(value - expected[at]!), 0) / actual.length;
}
