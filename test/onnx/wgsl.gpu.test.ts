// Imported ONNX models on a real adapter: ONNX's own tests, and those that are compared with onnxruntime.

import { expect, test } from "vitest";
import { computingDevice, describeOn } from "../backend/wgsl/device.js";
import { onnxCases } from "../backend/wgsl/imported.js";
import { difference } from "../backend/wgsl/programs.js";

const slow = 120_000;
const device = await computingDevice();

describeOn(device)("imported models on an adapter", () => {
  test.each(onnxCases().map(({ name, make }) => [name, make] as const))(
    "%s",
    async (_, make) => {
      expect(await difference(await make(), device!)).toBeUndefined();
    },
    slow,
  );
});
