// The passes take linear time: a net of four times as many ops has its nodes looked at four times as often.

import { expect, test } from "vitest";
import { optimize } from "#compile/optimize.js";
import { elaborate } from "#elaborate/elaborate.js";
import { parse } from "#grammar/reading/parse.js";
import type { Module } from "#ir/weights.js";
import { scaled } from "../scale.js";

const list = (count: number, line: (at: number) => string): string =>
  Array.from({ length: count }, (_, at) => line(at)).join("");
const names = (count: number): string => Array.from({ length: count }, (_, at) => `a${at}`).join(", ");

/** Bodies of nets of about `n` ops. */
const shapes: Readonly<Record<string, (n: number) => string>> = {
  "a chain of elementwise ops": (n) => `repeat ${n / 4} { x = sigmoid(relu(x * 0.5 + 1)) }\noutput x`,
  convolutions: (n) =>
    `repeat ${n / 3} { x = conv2d(x, filters=4, kernel=3x3, padding=same, bias=false) |> batch_norm |> relu }\noutput x`,
  "residual blocks": (n) =>
    `repeat ${n / 4} {
      y = relu(conv2d(x, filters=4, kernel=3x3, padding=same))
      x = relu(x + conv2d(y, filters=4, kernel=1x1))
    }\noutput x`,
  "inverted residuals": (n) =>
    `repeat ${n / 8} {
      y = conv2d(x, filters=8, kernel=1x1, bias=false) |> batch_norm |> relu6
      y = depthwise_conv2d(y, kernel=3x3, padding=same, bias=false) |> batch_norm |> relu6
      x = x + conv2d(y, filters=4, kernel=1x1)
    }\noutput x`,
  "a wide concat": (n) =>
    `${list(n / 2, (at) => `a${at} = conv2d(x, filters=4, kernel=1x1) |> relu\n`)}output y = concat(${names(n / 2)}, axis=-1)`,
  "many inputs and outputs": (n) =>
    `${list(n / 2, (at) => `input i${at}: f32[1, 4]\na${at} = dense(relu(i${at}), units=4)\n`)}output x, ${names(n / 2)}`,
  "dense blocks": (n) =>
    `repeat ${n / 16} {
      y = conv2d(x, filters=4, kernel=1x1)
      repeat 4 { y = concat(y, conv2d(relu(y), filters=4, kernel=3x3, padding=same), axis=-1) }
      x = conv2d(y, filters=4, kernel=1x1) |> relu
    }\noutput x`,
  "one value that all read": (n) => `y = x\nrepeat ${n / 3} { y = relu(y + x * 0.3) }\noutput y`,
  moves: (n) =>
    `repeat ${n / 4} {
      y = transpose(x, perm=[0, 3, 1, 2]) |> relu |> transpose(perm=[0, 2, 3, 1])
      x = conv2d(y, filters=4, kernel=1x1)
    }\noutput x`,
};

function moduleOf(body: string): Module {
  const text = `net big {\n  input x: f32[1, 4, 4, 4]\n${body}\n}\n`;
  const { value, diagnostics } = elaborate(parse(text, "big.net").value!);
  expect(diagnostics).toEqual([]);
  return value!;
}

/** How often the passes read the type of a node. Those that they make themselves are not counted. */
function readsOf(body: string): number {
  const { graph, weights } = moduleOf(body);
  let reads = 0;
  const nodes = new Map(
    [...graph.nodes].map(([id, { type, ...rest }]) => {
      const counted = Object.defineProperty({ ...rest }, "type", {
        enumerable: true,
        get: () => ((reads += 1), type),
      });
      return [id, counted as never];
    }),
  );
  const { value } = optimize({ graph: { ...graph, nodes }, weights });
  expect(value?.module.graph.nodes.size).toBeGreaterThan(0);
  return reads;
}

const size = 16 * scaled(24);

test.each(Object.entries(shapes))("%s", (_, shape) => {
  const [small, large] = [readsOf(shape(size)), readsOf(shape(4 * size))];
  expect(small).toBeGreaterThan(size);
  expect(large / small).toBeLessThan(4.6);
});
