// A pass that is left out, or after which the passes stop: the commands work, or say what they need, but never fail as a bug would.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { passes } from "#passes/index.js";
import { cleave } from "./terminal.js";

const folder = mkdtempSync(join(tmpdir(), "cleave-without-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

// Something for every pass: dead nodes, a batch norm, padding, a pool of a sum, a transposed convolution, zero points of integers.
const path = join(folder, "all.net");
writeFileSync(
  path,
  `net all {
  input image: f32[1, 8, 8, 4]
  dead = relu(image)
  a = pad(image, before=[0, 1, 1, 0], after=[0, 1, 1, 0]) |> conv2d(filters=8, kernel=3x3) |> batch_norm |> relu6
  b = conv2d_transpose(a, filters=4, kernel=2x2, stride=2)
  param w: i8[3, 3, 4, 6] = quantize(he_normal(seed=1, fan_in=36, shape=[3, 3, 4, 6]), 0.01, type="i8")
  q = quantize(b, 0.05, zero=7, type="u8")
  c = conv2d(q, w, padding=same, zero=7) |> dequantize(0.0005)
  output y = (c + 1) |> global_avg_pool |> dense(units=3)
}
`,
);

const commands: readonly (readonly string[])[] = [
  ["explain", path],
  ["explain", path, "--schedule"],
  ["inspect", path, "--format", "kernels"],
  ["run", path],
  ["export", path, "-o", join(folder, "all.onnx")],
];

describe.each([...new Set(passes.map(({ name }) => name))])("%s", (pass) => {
  test.each(commands)("%s %s %s %s", async (...command) => {
    for (const option of ["--without", "--stop-after"]) {
      const { code, err } = await cleave(
        ...command.filter((one) => one !== undefined),
        option,
        pass,
        "--verify",
      );
      expect([0, 1], err).toContain(code);
      if (code === 1) expect(err).toMatch(/= help: .*(do not leave|pass)/);
    }
  });
});
