// Programs with types: what emitted modules declare fits the detectors, and names that a net has not are errors.

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { compile } from "#compile/compile.js";
import type { TargetName } from "#ir/target.js";

const root = join(import.meta.dirname, "../..");
const net = `net n {
  input image: f32[N, 8, 8, 3] preprocess()
  x = conv2d(image, filters=8, kernel=3x3) |> global_avg_pool
  output boxes = dense(x, units=8) |> reshape(shape=[1, 2, 4])
  output scores = dense(x, units=2)
}
`;

test("detectors take nets of all targets", () => {
  const folder = mkdtempSync(join(tmpdir(), "cleave-detector-types-"));
  const targets: readonly TargetName[] = ["js", "wasm", "wgsl"];
  for (const target of targets)
    writeFileSync(join(folder, `${target}.d.ts`), compile(net, { target }).value!.types);
  const uses = targets.map(
    (target) => `import { load as load_${target} } from "./${target}.js";
{
  const net = await load_${target}();
  const find = ssdDetector(net, { anchors: [0, 0, 1, 1, 0, 0, 1, 1], boxes: "boxes", scores: ["scores"] });
  const names: string[] = (await find(picture)).map(({ label }) => label);
  const lists: Found[][] = await find([picture, { picture, x: 1 }], { signal });
  yoloDetector(net, { input: "image", output: "boxes" });
  boxDetector(net, { boxes: "boxes", scores: "scores" });
  const usual: DetectOptions = { overlap: 0.3, labels: names };
  const any: Found[] | Found[][] = await boxDetector(net, { ...usual, rows: "boxes" })(either);
  ssdDetector(net, { ...usual, anchors: { strides: [8] }, boxes: "boxes", scores: "scores" });
  yoloDetector(net, { ...usual, output: "boxes" });
  // @ts-expect-error: neither boxes nor rows
  boxDetector(net, {});
  // @ts-expect-error: boxes without scores
  boxDetector(net, { boxes: "boxes" });
  // @ts-expect-error: boxes and rows
  boxDetector(net, { boxes: "boxes", scores: "scores", rows: "boxes" });
  // @ts-expect-error: an option of the detector
  await find(picture, { score: 0.5 });
  detector(net, ({ boxes, scores }, { width }) => ({ boxes, scores: scores.map((score) => score / width) }), { labels: names });
  // @ts-expect-error: an output that the net has not
  boxDetector(net, { boxes: "boxes", scores: "classes" });
  // @ts-expect-error: an input that the net has not
  yoloDetector(net, { input: "picture" });
  // @ts-expect-error: an output that the net has not
  detector(net, ({ box }) => ({ boxes: box, scores: box }));
  // @ts-expect-error: an option that does not exist
  yoloDetector(net, { overlapp: 0.5 });
  // @ts-expect-error: no anchors
  ssdDetector(net, { boxes: "boxes", scores: "scores" });
  // @ts-expect-error: an address
  await find("cat.png");
  // @ts-expect-error: not awaited
  yoloDetector(load_${target}());
  console.log(lists, any);
}
`,
  );
  writeFileSync(
    join(folder, "uses.mts"),
    `import type { DetectOptions, Found } from "cleave/tasks";
import { boxDetector, detector, ssdDetector, yoloDetector } from "cleave/tasks";
declare const picture: HTMLImageElement | HTMLVideoElement | HTMLCanvasElement | ImageBitmap | ImageData;
declare const signal: AbortSignal;
declare const either: typeof picture | (typeof picture)[];
${uses.join("")}`,
  );
  const compilerOptions = {
    strict: true,
    exactOptionalPropertyTypes: true,
    noEmit: true,
    target: "es2023",
    module: "nodenext",
    lib: ["es2023", "dom"],
    types: [],
    customConditions: ["cleave-source"],
    paths: { "cleave/tasks": [join(root, "src/tasks/index.ts")] },
  };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["uses.mts"] }));
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  const checked = spawnSync(process.execPath, [tsc, "-p", folder], { encoding: "utf8" });
  rmSync(folder, { recursive: true, force: true });
  expect(checked.stdout + checked.stderr).toBe("");
});
