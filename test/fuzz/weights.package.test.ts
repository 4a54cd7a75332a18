// 200 bent files of weights.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "vitest";
import { feeder } from "./feed.js";
import { mutateBytes } from "./mutations.js";

const { folder, feed } = feeder();

test.each([0, 1, 2, 3])("part %i", async (part) => {
  await feed(100, 1000 + part, (random, index) => {
    const name = random.pick(["fm_resnet16", "fm_mobile"]);
    const file = join(folder, `weights-${part}-${index}.safetensors`);
    writeFileSync(file, mutateBytes(readFileSync(`examples/${name}.safetensors`), random));
    return ["compile", `examples/${name}.net`, "--weights", file, "-o", join(folder, "out")];
  });
});
