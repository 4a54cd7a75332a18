// Compiles the trained examples for every target into compiled/, where the page finds them.

import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { defaultTarget, targetNames } from "#ir/target.js";
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

const manifest: Manifest = { nets, targets: targetNames, defaultTarget, programs };
mkdirSync(folder, { recursive: true });
writeFileSync(join(folder, "manifest.json"), `${JSON.stringify(manifest, null, 2)}\n`);
console.error(`${programs.length} modules in ${folder}`);
