// 2,400 bent TensorFlow.js models.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, test } from "vitest";
import { parseCases } from "../cases.js";
import { withWeights } from "../tfjs/peer.js";
import type { ModelFiles } from "../tfjs/text-model.js";
import { graphModel, layersTopology } from "../tfjs/text-model.js";
import { feeder } from "./feed.js";
import { mutateTfjs } from "./mutate-tfjs.js";

const { folder, feed } = feeder();
const read = (name: string) => parseCases(readFileSync(`test/tfjs/${name}.txt`, "utf8"), name);
const models: ModelFiles[] = read("graph").map(({ input }) => graphModel(input));
beforeAll(async () => {
  for (const { input, options } of read("layers"))
    models.push(await withWeights(layersTopology(input, options["sequential"] === true)));
}, 60_000);

test.each([0, 1, 2, 3])("part %i", async (part) => {
  await feed(1200, 3000 + part, (random, index) => {
    const own = join(folder, `tfjs-${part}-${index}`);
    mkdirSync(own);
    const { text, shards } = mutateTfjs(random.pick(models), random);
    for (const [path, bytes] of shards) writeFileSync(join(own, path), bytes);
    writeFileSync(join(own, "model.json"), text);
    return random.next() < 0.5
      ? ["explain", join(own, "model.json")]
      : ["import", join(own, "model.json"), "-o", join(folder, `tfjs-${part}.net`)];
  });
});
