// Numbers as people read them, beside what `Intl` makes of them.

import { expect, test } from "vitest";
import { bytesText, countText, numberText, plural } from "#ir/units.js";

test.each([0, 7, 999, 1000, 12_345, 999_999, 1_000_000, 4_221_032, 123_456_789_012, -1234])(
  "%d is grouped as Intl does it",
  (count) => expect(numberText(count)).toBe(count.toLocaleString("en-US")),
);

test.each([
  [0.5, "0.5"],
  [1234.5678, "1234.5678"],
  [Number.POSITIVE_INFINITY, "Infinity"],
])("%d is not a whole number and stays as it is", (count, text) => expect(numberText(count)).toBe(text));

test.each([
  [9999, "9,999"],
  [10_000, "10.0 K"],
  [569_000_000, "569 M"],
  [999_600, "1.00 M"],
  [1.81e9, "1.81 G"],
])("%d is %s", (count, text) => expect(countText(count)).toBe(text));

test.each([
  [1023, "1023 B"],
  [1024, "1.00 KiB"],
  [16.1 * 2 ** 20, "16.1 MiB"],
])("%d bytes are %s", (bytes, text) => expect(bytesText(bytes)).toBe(text));

test("one is singular", () => {
  expect([plural(1, "op"), plural(2000, "op")]).toEqual(["1 op", "2,000 ops"]);
});
