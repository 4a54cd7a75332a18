// The JSON that commands print.

import { expect, test } from "vitest";
import { jsonText } from "#cli/output/json.js";

test("−0 and what JSON lacks", () => {
  const value = { a: [-0, 0, 1], b: Number.NaN, c: -Infinity, d: "minus zero" };
  const text = jsonText(value);
  expect(text.replaceAll(/\s/g, "")).toBe('{"a":[-0,0,1],"b":"NaN","c":"-Infinity","d":"minuszero"}');
  expect(Object.is((JSON.parse(text) as typeof value).a[0], -0)).toBe(true);
});
