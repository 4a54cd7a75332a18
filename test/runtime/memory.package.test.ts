// The memory of loaded nets, in processes of their own: weights from a stream are held once, and nothing is left of nets that were
// loaded and disposed of.

import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, describe, expect, test } from "vitest";
import { writeModule } from "../../src/node/index.js";
import { moduleOf } from "../schedule/module-of.js";

const folder = mkdtempSync(join(tmpdir(), "cleave-memory-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const script = join(folder, "measure.mjs");
writeFileSync(
  script,
  `import { existsSync, readFileSync } from "node:fs";
import { open } from "node:fs/promises";

const [folder, name, times, options] = process.argv.slice(2);
const load = async (name, more) => (await import(\`\${folder}/\${name}.mjs\`)).load({ ...JSON.parse(options), ...more });
/** The memory of the process, when engines have freed what they free in the background. */
const rss = async () => {
  for (let round = 0; round < 5; round++) {
    gc();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return process.memoryUsage.rss();
};

/** The most memory that this program has had. On Linux, maxRSS is at least what the process that started it had. */
function peak() {
  const status = "/proc/self/status";
  const [, kibibytes] = (existsSync(status) && /VmHWM:\\s+(\\d+)/.exec(readFileSync(status, "utf8"))) || [];
  return 1024 * (kibibytes ?? process.resourceUsage().maxRSS);
}

/** A file as a stream whose pieces take turns in one place. */
async function streamOf(name) {
  const file = await open(\`\${folder}/\${name}.packed.safetensors\`);
  const piece = new Uint8Array(1 << 16);
  return new ReadableStream(
    {
      async pull(to) {
        const { bytesRead } = await file.read(piece);
        if (bytesRead > 0) return to.enqueue(piece.subarray(0, bytesRead));
        await file.close();
        to.close();
      },
    },
    { highWaterMark: 0 },
  );
}

if (times === "1") {
  (await load("tiny", { weights: await streamOf("tiny") })).dispose();
  const before = await rss();
  const net = await load(name, { weights: await streamOf(name) });
  console.log(peak() - before);
  net.dispose();
} else {
  const after = [];
  for (let time = 1; time <= times; time++) {
    const net = await load(name);
    await net.run({ x: new Float32Array(1024) });
    net.dispose();
    if (time % (times / 3) === 0) after.push(await rss());
  }
  console.log(Math.max(...after.slice(1)) - after[0]);
}
`,
);

/** Bytes that one load from a stream takes, or that many loads leave from the first third of them on. */
async function measure(target: "wasm" | "js", net: string, times: number, options = {}): Promise<number> {
  const call = ["--expose-gc", script, join(folder, target), net, String(times), JSON.stringify(options)];
  const { stdout } = await promisify(execFile)(process.execPath, call);
  return Number(stdout);
}

const mebibyte = 2 ** 20;
const text = (name: string, inputs: number, units: number): string => `net ${name} {
  input x: f32[1, ${inputs}]
  output y = x |> dense(units=${units}, bias=false)
}`;

describe.each(["wasm", "js"] as const)("%s", (target) => {
  for (const module of [
    moduleOf(text("tiny", 8, 4)),
    moduleOf(text("large", 8192, 4096)),
    moduleOf(text("small", 1024, 2048)),
  ]) {
    writeModule(module, join(folder, target), { target });
  }

  test("weights of 128 MiB from a stream take a tenth more than themselves", async () => {
    const bytes = await measure(target, "large", 1);
    expect(bytes).toBeGreaterThan(128 * mebibyte);
    expect(bytes).toBeLessThan(1.1 * 128 * mebibyte);
  });

  test("300 loads, of 8 MiB each, leave less than two of them", async () => {
    expect(await measure(target, "small", 300)).toBeLessThan(16 * mebibyte);
  }, 60_000);
});

test("nor do loads with threads", async () => {
  expect(await measure("wasm", "small", 90, { threads: 2, worker: true, leastWork: 0 })).toBeLessThan(
    16 * mebibyte,
  );
}, 120_000);
