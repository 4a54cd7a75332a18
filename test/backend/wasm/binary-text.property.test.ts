// Binaries come back from the text of a module, whatever bytes they have and however much they differ.

import { bytesText, deltaOf } from "#backend/wasm/binary-text.js";
import { seededRandom } from "#ops/random.js";
import { binaryOf } from "#runtime/wasm/binary.js";
import { expect, test } from "vitest";
import { scaled } from "../../scale.js";

const random = seededRandom(7);
const bytes = (count: number): number[] => Array.from({ length: count }, () => random.int(0, 255));

/** Another binary: pieces of the first with some left out, put in, doubled or replaced. */
function changed(from: readonly number[]): number[] {
  const to: number[] = [];
  for (let at = 0; at < from.length;) {
    const count = random.int(0, 900);
    to.push(...from.slice(at, at + count));
    at += count + random.int(0, 3) * random.int(0, 40);
    if (random.int(0, 3) === 0) to.push(...bytes(random.int(0, 30)));
    if (random.int(0, 8) === 0) at = Math.max(0, at - count);
    if (to.length > 3 * from.length) break;
  }
  return to;
}

test("both binaries come back", () => {
  const all = Array.from({ length: 256 }, (_, byte) => byte);
  for (let run = 0; run < scaled(100); run += 1) {
    const simd = run === 0 ? all : bytes(random.int(0, run % 10 === 0 ? 40_000 : 600));
    const relaxed = [changed(simd), bytes(random.int(0, 300)), simd, []][run % 4]!;
    const text = {
      size: simd.length,
      simd: bytesText(Uint8Array.from(simd)),
      relaxed: bytesText(deltaOf(Uint8Array.from(simd), Uint8Array.from(relaxed))),
    };
    expect([...binaryOf("net", text, "simd")]).toEqual(simd);
    expect([...binaryOf("net", text, "relaxed")]).toEqual(relaxed);
    for (const one of [text.simd, text.relaxed]) {
      // Printable, and nothing that ends a text or a page's script.
      expect(one).toMatch(/^[ !#-;=-[\]-~\u0100-\u01ff]*$/);
      expect(one.normalize("NFC")).toBe(one);
    }
  }
});

test("a text that was read in another encoding is an error that says so", () => {
  const simd = bytesText(Uint8Array.from([0, 97, 115, 109, 200]));
  const latin = new TextDecoder("windows-1252").decode(new TextEncoder().encode(simd));
  expect(() => binaryOf("net", { size: 5, simd: latin, relaxed: "" }, "simd")).toThrow(
    'net: the module\'s text was not read as UTF-8; serve it with "charset=utf-8"',
  );
});
