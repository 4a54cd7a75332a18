// What browsers and platforms refuse: messages say how to go on.

import { createContext, runInContext } from "node:vm";
import { afterEach, describe, expect, test, vi } from "vitest";
import { compile } from "#compile/compile.js";
import { refusalHelp } from "#runtime/policy.js";
import { moduleOf } from "../schedule/module-of.js";

afterEach(() => vi.unstubAllGlobals());

const elsewhere = "a file of another server needs the header Access-Control-Allow-Origin";
const onDisk =
  "a page that is opened from the disk may not read files: serve it, or compile with --embed-weights";

test.each([
  ["https://shop.example", "https://shop.example/a/b", undefined],
  ["https://shop.example", "https://shop.example.org/a", elsewhere],
  ["https://shop.example", "http://shop.example/a", elsewhere],
  ["https://shop.example", "https://shop.example:8443/a", elsewhere],
  ["https://shop.example", "blob:https://shop.example/a", undefined],
  ["null", "file:///home/me/a", onDisk],
  ["null", "https://shop.example/a", elsewhere],
])("a page of %s that cannot read %s", (origin, address, help) => {
  vi.stubGlobal("location", { origin });
  expect(refusalHelp(address)).toBe(help);
});

test("a program that is no page", () => {
  expect(refusalHelp("https://shop.example/a")).toBeUndefined();
});

describe("where nothing compiles WebAssembly", () => {
  const net = moduleOf("net small { input x: f32[1, 4]\n output y = dense(x, units=2) }");
  const parts = { atob, DecompressionStream, Response, TextDecoder, TextEncoder, performance, console };

  async function run(target: "wasm" | "js"): Promise<number> {
    const { module, weights } = compile(net, { target, format: "iife" }).value!;
    const context = createContext(
      { ...parts, location: { href: "https://edge.example/" }, weights: Uint8Array.from(weights!) },
      { codeGeneration: { strings: false, wasm: false } },
    );
    runInContext(module, context);
    return runInContext(
      "cleave.small.load({ weights }).then((net) => net.runSync({ x: new Float32Array(4) }).y.length)",
      context,
    ) as Promise<number>;
  }

  test("the target wasm says so, and names the others", async () => {
    await expect(run("wasm")).rejects.toThrow(
      /^small: this platform compiles no WebAssembly that it loads; compile with --target auto or js \(/,
    );
  });

  test("the target js runs", async () => {
    expect(await run("js")).toBe(2);
  });
});
