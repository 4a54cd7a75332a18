// Binaries come back from the text of a module, whatever pieces they have.

import { binariesText } from "#backend/wasm/binary-text.js";
import { seededRandom } from "#ops/random.js";
import { binaryOf } from "#runtime/wasm/binary.js";
import { expect, test, vi } from "vitest";
import { scaled } from "../../scale.js";

const random = seededRandom(7);
const bytes = (count: number): Uint8Array => Uint8Array.from({ length: count }, () => random.int(0, 255));

/** Parts of a piece with some left out, put in, doubled or replaced. */
function changed(from: Uint8Array): Uint8Array {
  const to: number[] = [];
  for (let at = 0; at < from.length && to.length < 3 * from.length;) {
    const count = random.int(0, 900);
    to.push(...from.subarray(at, at + count));
    at += count + random.int(0, 3) * random.int(0, 40);
    if (random.int(0, 3) === 0) to.push(...bytes(random.int(0, 30)));
    if (random.int(0, 8) === 0) at = Math.max(0, at - count);
  }
  return Uint8Array.from(to);
}

test("both binaries come back", async () => {
  for (let run = 0; run < scaled(60); run += 1) {
    const draw = (): Uint8Array[] =>
      Array.from({ length: random.int(0, 5) }, () => bytes(random.int(0, run % 10 === 0 ? 40_000 : 300)));
    const simd = draw();
    const relaxed = [[...simd.map(changed), ...draw()], draw(), simd][run % 3]!;
    const text = binariesText(simd, relaxed);
    expect(text).toMatch(/^[A-Za-z0-9+/]*=*$/);
    expect([...(await binaryOf("net", text, "simd"))]).toEqual(simd.flatMap((piece) => [...piece]));
    expect([...(await binaryOf("net", text, "relaxed"))]).toEqual(relaxed.flatMap((piece) => [...piece]));
  }
});

test("a piece that both binaries have takes little more than once", () => {
  const piece = bytes(5000);
  const [one, both] = [binariesText([piece], []), binariesText([piece], [piece])];
  expect(both.length).toBeLessThan(one.length * 1.05);
});

test("an engine that decompresses nothing is told so", async () => {
  vi.stubGlobal("DecompressionStream", undefined);
  await expect(binaryOf("net", binariesText([], []), "simd")).rejects.toThrow(
    "net: this engine has no DecompressionStream; compile with --target js for it",
  );
  vi.unstubAllGlobals();
});
