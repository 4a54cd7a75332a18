// README's table of speed, from made-up results.

import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { speedText, withSpeed } from "../../bench/browser/readme.js";
import type { PeerResult } from "../../bench/results.js";
import { comparison, peer } from "./comparison.js";

const code = (kibibytes: number): Partial<PeerResult> => ({
  download: {
    code: { bytes: 4096 * kibibytes, gzipBytes: 1024 * kibibytes },
    weights: { bytes: 1e6, gzipBytes: 1e6 },
  },
});
const all = [
  peer("cleave-relaxed", 2, code(20)),
  peer("cleave-relaxed:2", 1.25, { threads: 2, ...code(20) }),
  peer("litert", 3, code(2865)),
  peer("onnxruntime-web", 5, code(3634)),
];
const inBrowser = { browser: "Chromium 156", cpu: "AMD  EPYC", input: [1, 8, 9, 3] };

test("a row has the times, how many times as fast as others, and the code that a page loads", () => {
  const [head, , row, , text] = speedText([comparison(all, inBrowser)]).split("\n");
  expect(head).toBe(
    "| model | Cleave, ms | two threads, ms | × LiteRT.js | × onnxruntime-web | × tfjs-wasm | code, KiB gzipped |",
  );
  expect(row).toBe("| m, 8×9 | 2.00 | 1.25 | 1.50 | 2.50 |  | 20 |");
  expect(text).toBe(
    "Measured in Chromium 156 on AMD EPYC. The code of the other runtimes, which a page loads besides a model, gzipped: LiteRT.js 2,865 KiB, onnxruntime-web 3,634 KiB.",
  );
});

test("with several processors, each row names its own", () => {
  const text = speedText([comparison(all, inBrowser), comparison(all, { ...inBrowser, cpu: "Intel Xeon" })]);
  expect(text).toContain("| model | processor |");
  expect(text).toContain("| m, 8×9 | Intel Xeon | 2.00 |");
});

test("a net that stays on one thread has no time for two", () => {
  const one = all.map((result) => ({ ...result, threads: 1 }));
  expect(speedText([comparison(one, inBrowser)])).toContain("| m, 8×9 | 2.00 |  | 1.50 |");
});

test("a model that was not measured against LiteRT.js has no row", () => {
  const rows = speedText([comparison(all.slice(0, 2), { ...inBrowser, model: "alone" })]);
  expect(rows).not.toContain("alone");
});

test("README has the place of the table, and everything around it stays", () => {
  const readme = readFileSync("README.md", "utf8");
  const written = withSpeed(readme, [comparison(all, inBrowser)]);
  expect(written).toContain("| m, 8×9 | 2.00 |");
  const outside = (text: string): string =>
    text.replace(/(<!-- speed,[^>]*>)[\s\S]*(<!-- \/speed -->)/, "$1$2");
  expect(outside(written)).toBe(outside(readme));
  expect(() => withSpeed("# Cleave", [])).toThrow("README has no");
});

test("integers have columns if they were measured", () => {
  const integers = [...all, peer("cleave-relaxed-int8", 1), peer("litert-int8", 1.5)];
  const [head, , row, other] = speedText([comparison(integers, inBrowser), comparison(all, inBrowser)]).split(
    "\n",
  );
  expect(head).toContain("| × tfjs-wasm | int8, ms | × LiteRT.js int8 | code, KiB gzipped |");
  expect(row).toBe("| m, 8×9 | 2.00 | 1.25 | 1.50 | 2.50 |  | 1.00 | 1.50 | 20 |");
  expect(other).toBe("| m, 8×9 | 2.00 | 1.25 | 1.50 | 2.50 |  |  |  | 20 |");
});
