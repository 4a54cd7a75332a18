// 2,400 bent ONNX models.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "vitest";
import { parseCases } from "../cases.js";
import { modelOf } from "../onnx/text-model.js";
import { feeder } from "./feed.js";
import { mutateModel } from "./mutate-onnx.js";

const { folder, feed } = feeder();
const models = parseCases(readFileSync("test/onnx/import.txt", "utf8"), "import.txt").map(({ input }) =>
  modelOf(input),
);

test.each([0, 1, 2, 3])("part %i", async (part) => {
  await feed(1200, 2000 + part, (random, index) => {
    const file = join(folder, `model-${part}-${index}.onnx`);
    writeFileSync(file, mutateModel(random.pick(models), random));
    return random.next() < 0.5
      ? ["explain", file, "--dim", "batch=1"]
      : ["import", file, "-o", join(folder, `model-${part}.net`)];
  });
});
