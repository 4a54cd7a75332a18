// Steps of elementwise chains: the last step, found from the end, is the last of all steps.

import { expect, test } from "vitest";
import type { Node } from "#ir/graph.js";
import { f32 } from "#ir/type.js";
import { composeSteps, lastStep } from "#ops/compose.js";
import { makeNode } from "#ops/index.js";
import { seededRandom } from "#ops/random.js";
import { scaled } from "../scale.js";

test("on random chains, with values that are read again", () => {
  let composed = 0;
  for (let seed = 1; seed <= scaled(1000); seed += 1) {
    const random = seededRandom(seed);
    const nodes: Node[] = [];
    // 0 is the flow, and values from 100 on come from outside; sometimes an earlier value is read.
    const count = random.int(1, 12);
    for (let id = 1; id <= count; id += 1) {
      const back = (): number =>
        random.next() < 0.2 ? random.int(0, id - 1) : random.next() < 0.4 ? 100 + id : id - 1;
      const inputs = random.next() < 0.3 ? [id - 1] : [id - 1, back()];
      nodes.push(
        makeNode({
          id,
          name: `v${id}`,
          op: inputs.length === 1 ? "tanh" : "sub",
          inputs,
          attributes: {},
          type: f32(1, 4),
          position: id,
          origin: { spans: [] },
        }),
      );
    }
    const last = composeSteps(nodes, 0).at(-1)!;
    expect(lastStep(nodes, 0), `seed ${seed}`).toEqual(last);
    if (last.nodes.length > 1 && last.nodes.length < nodes.length) composed += 1;
  }
  expect(composed).toBeGreaterThan(scaled(1000) / 20);
});
