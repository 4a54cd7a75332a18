// 800 bent texts of nets and rules.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "vitest";
import { feeder } from "./feed.js";
import { blocks, model, rules } from "../grammar/all-syntax.js";
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
  "mobilenet_v3_small",
  "shufflenet_v2",
  "unet",
];
/** Without a weight file, which is not there: the net runs. */
const seeded = model
  .replace('  weights "model.safetensors"\n', "")
  .replace('weight(key + ".weight")', "he_normal(seed=1)");
const own = [blocks, model, seeded, rules, blocks + model.slice(model.indexOf("\n")) + rules];

test.each(Array.from({ length: 16 }, (_, part) => part))("part %i", async (part) => {
  await feed(100, part, (random, index) => {
    const which = random.int(0, examples.length + own.length - 1);
    const text = own[which - examples.length] ?? readFileSync(`examples/${examples[which]}.net`, "utf8");
    const file = join(folder, `text-${part}-${index}.net`);
    writeFileSync(file, mutateText(text, random));
    // What a model imports is broken too, but not always.
    if (text === model || text === seeded)
      writeFileSync(join(folder, "blocks.net"), random.next() < 0.5 ? blocks : mutateText(blocks, random));
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
