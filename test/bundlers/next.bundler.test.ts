// A module in Next.js: on the client, where the bundler emits the weights, in a hook and in a worker as docs/web.md shows them, and on the
// server, which reads them from the disk.

import { execFile, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, describe, expect, test } from "vitest";
import { hasChromium, inPage, launch, ready, watch } from "../web/chromium.js";
import type { Ran } from "./fixture.js";
import { expectResult, isInstalled, program, write, writeNet } from "./fixture.js";

const packages = join(import.meta.dirname, "packages");
// Next looks for itself in the folders above.
const folder = mkdtempSync(join(packages, "next-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const manual = readFileSync(join(import.meta.dirname, "../../docs/web.md"), "utf8");

/** A program of the manual, with the net of this test, whose input is `x`: values, not a bitmap to close. */
function shown(kind: string): string {
  const [, code = ""] = new RegExp(`^\`\`\`${kind}\n(.*?)^\`\`\``, "ms").exec(manual) ?? [];
  expect(code).toContain('from "./net/tiny.mjs"');
  return code
    .replace("./net/tiny.mjs", "./net/small.mjs")
    .replace("{ id, image }", "{ id, x }")
    .replace("{ image }", "{ x }")
    .replace("image.close()", "x.close?.()");
}

/** Runs the net of the hook, and that of the worker. */
const client = `"use client";
import { useEffect } from "react";
import { useNet } from "./use-net.jsx";
const x = Float32Array.from({ length: 1024 }, (_, at) => (at % 7) / 7);
export default function Page() {
  const { net, progress, error } = useNet();
  useEffect(() => {
    import("./inpage.js");
    const worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
    globalThis.inWorker = () => new Promise((resolve) => {
      worker.onmessage = ({ data }) => resolve(data.error ?? [data.id, ...data.outputs.y]);
      worker.postMessage({ id: 7, x });
    });
  }, []);
  useEffect(() => {
    if (net) globalThis.byHook = async () => [...(await net.run({ x })).y];
  }, [net]);
  return <p>{error ? error.message : net ? "net" : progress}</p>;
}
`;

describe.skipIf(!hasChromium || !isInstalled)("Next", () => {
  test("a net runs on the client and on the server", async () => {
    writeNet(join(folder, "app/net"));
    write(folder, {
      "next.config.mjs": `export default { turbopack: { root: ${JSON.stringify(packages)} } };\n`,
      "app/layout.jsx":
        "export default function Layout({ children }) {\n  return <html lang='en'><head><link rel='icon' href='data:,' /></head><body>{children}</body></html>;\n}\n",
      "app/page.jsx": client,
      "app/use-net.jsx": shown("jsx hook"),
      "app/worker.js": shown("js worker"),
      "app/inpage.js": program("./net/small.mjs"),
      "app/answer/route.js": `import "../inpage.js";\nexport const dynamic = "force-dynamic";\nexport async function GET() {\n  return Response.json(await globalThis.inPage());\n}\n`,
    });
    const bin = join(packages, "node_modules/next/dist/bin/next");
    const env = { ...process.env, NEXT_TELEMETRY_DISABLED: "1" };
    await promisify(execFile)(process.execPath, [bin, "build"], { cwd: folder, env });
    const server = spawn(process.execPath, [bin, "start", "-p", "0", "-H", "localhost"], {
      cwd: folder,
      env,
    });
    const browser = await launch({ adapter: false });
    try {
      const address = await new Promise<string>((resolve, reject) => {
        let said = "";
        const hear = (text: Buffer): void => {
          said += text.toString();
          const found = /http:\/\/localhost:\d+/.exec(said);
          if (found && /Ready/.test(said)) resolve(found[0]);
        };
        server.stdout.on("data", hear);
        server.stderr.on("data", hear);
        server.on("exit", () => reject(new Error(said)));
      });
      const page = await browser.newPage();
      const seen = watch(page);
      await page.goto(address);
      await ready(page, "inPage");
      expectResult((await inPage<Ran>(page, "() => inPage()")).y);
      await ready(page, "byHook");
      expectResult(await inPage<number[]>(page, "() => byHook()"));
      const [id, ...y] = await inPage<number[]>(page, "() => inWorker()");
      expect(id).toBe(7);
      expectResult(y);
      expect(seen.problems).toEqual([]);
      const answer = await fetch(`${address}/answer`);
      expect(answer.status).toBe(200);
      expectResult(((await answer.json()) as Ran).y);
    } finally {
      server.kill();
      await browser.close();
    }
  }, 180_000);
});
