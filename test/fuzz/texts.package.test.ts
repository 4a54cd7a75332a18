// 1,600 bent texts of nets and rules.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "vitest";
import { feeder } from "./feed.js";
import { mutateText } from "./mutations.js";

const { folder, feed } = feeder();
const examples = [
  "seed",
  "fm_resnet16",
  "fm_mobile",
  "mobilenet_v1",
  "mobilenet_v2",
  "xception",
  "vgg16",
  "resnet18",
];
const rules =
  "rule twice: relu(relu(x)) => relu(x)\nrule scale: mul(conv2d(x, w, b, ..a), s) => conv2d(x, w * s, b * s, ..a) when constant(w, b, s)\nfuse mine: convolution -> elementwise* -> pointwise? when fits_on_chip\n";

test.each(Array.from({ length: 16 }, (_, part) => part))("part %i", async (part) => {
  await feed(100, part, (random, index) => {
    const which = random.int(0, examples.length);
    const text = which === examples.length ? rules : readFileSync(`examples/${examples[which]}.net`, "utf8");
    const file = join(folder, `text-${part}-${index}.net`);
    writeFileSync(file, mutateText(text, random));
    const weights =
      which === 1 || which === 2 ? ["--weights", `examples/${examples[which]}.safetensors`] : [];
    return random.pick([
      ["check", file, ...weights],
      ["check", file, ...weights],
      ["explain", file, ...weights],
      ["fmt", "--stdout", file],
    ]);
  });
});
