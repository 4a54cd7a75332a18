// A page of Chromium with a WebGPU device, on which emitted modules run as they do in any page.

import { afterAll, expect } from "vitest";
import type { Artifact } from "#backend/artifact.js";
import { emitWgsl } from "#backend/wgsl/emit.js";
import { halfKernels } from "#interpret/tolerance.js";
import type { GpuNet } from "#runtime/wgsl/machine.js";
import type { GpuCase } from "../backend/wgsl/cases.js";
import { arraysOf, disagreement } from "../backend/wgsl/programs.js";
import type { Server, Watch } from "./chromium.js";
import { hasChromium, inPage, launch, ready, serve, watch } from "./chromium.js";
import type { Page } from "playwright-core";

/** What the page gives for a module. */
interface Result extends Pick<GpuNet, "precision" | "launches"> {
  readonly outputs: Readonly<Record<string, readonly number[]>>;
}

/**
 * Runs modules side by side on one device, and keeps what the device complains of. A validation error that nothing catches and what the
 * compiler says of a shader, warnings included, go to the console, which is watched.
 */
const script = `
const adapter = await navigator.gpu?.requestAdapter();
const requiredFeatures = ["shader-f16", "subgroups"].filter((feature) => adapter?.features.has(feature));
const device = await adapter?.requestDevice({ requiredFeatures });
device?.addEventListener("uncapturederror", ({ error }) => console.error(error.message));

const said = [];
const createShaderModule = device?.createShaderModule.bind(device);
if (device) device.createShaderModule = (wish) => {
  const module = createShaderModule(wish);
  said.push(module.getCompilationInfo().then(({ messages }) => messages.map(({ message }) => message)));
  return module;
};

async function runOne(address, inputs, options) {
  const { load } = await import(address);
  const net = await load(options);
  const arrays = Object.entries(inputs).map(([name, values]) => [name, Float32Array.from(values)]);
  const outputs = await net.run(Object.fromEntries(arrays));
  net.dispose();
  const { precision, launches } = net;
  const lists = Object.entries(outputs).map(([name, values]) => [name, [...values]]);
  return { outputs: Object.fromEntries(lists), precision, launches };
}

globalThis.runAll = async (modules) => {
  const results = await Promise.all(
    modules.map(({ address, inputs }) => runOne(address, inputs, { device, poison: true })),
  );
  for (const message of (await Promise.all(said.splice(0))).flat()) console.warn(message);
  return results;
};

globalThis.adapter = adapter?.info.architecture ?? "none";
`;

export interface AdapterPage {
  readonly page: Page;
  readonly server: Server;
  /** Serves what `cleave compile` would write, in a folder of its own; the module's address. */
  place(artifact: Artifact): string;
  /** Runs modules, side by side, and holds them against the interpreter. */
  expectAgreement(cases: readonly GpuCase[], f16?: boolean): Promise<void>;
  /** What went wrong on the page. */
  readonly seen: Watch;
}

/**
 * Opens the page, with a script of the test's own beside its own; it is closed after the tests of the file. Undefined, loudly, without
 * a browser or an adapter; an error in CI.
 */
export async function openAdapterPage(more = ""): Promise<AdapterPage | undefined> {
  if (!hasChromium) return undefined;
  const files = new Map<string, string | Uint8Array>();
  let folders = 0;
  const html = `<!doctype html><link rel="icon" href="data:,"><script type="module">${script}${more}</script>`;
  const server = await serve((path) => (path === "/" ? html : files.get(path)), {});
  const browser = await launch();
  afterAll(async () => {
    await browser.close();
    server.close();
  });
  const page = await browser.newPage();
  const seen = watch(page);
  await page.goto(server.url);
  await ready(page, "adapter");
  if ((await inPage<string>(page, "() => adapter")) === "none") {
    const message = "Chromium finds no WebGPU adapter: nothing of the target wgsl runs in it.";
    if (process.env["CI"]) throw new Error(message);
    process.stderr.write(`\n*** SKIPPED *** ${message}\n\n`);
    return undefined;
  }

  function place({ name, module, weights }: Artifact): string {
    const folder = `/${(folders += 1)}`;
    files.set(`${folder}/${name}.mjs`, module);
    if (weights) files.set(`${folder}/${name}.packed.safetensors`, weights);
    return `${folder}/${name}.mjs`;
  }

  async function expectAgreement(cases: readonly GpuCase[], f16 = false): Promise<void> {
    const given = cases.map(({ program, inputs }) => ({
      address: place(emitWgsl(program, { version: "test", f16 })),
      inputs: Object.fromEntries(
        Object.entries(arraysOf(inputs)).map(([name, values]) => [name, [...values]]),
      ),
    }));
    const results = await inPage<Result[]>(page, "(modules) => runAll(modules)", given);
    for (const [at, one] of cases.entries()) {
      const { outputs, ...net } = results[at]!;
      expect(disagreement(outputs, one, halfKernels(net)), one.name).toBeUndefined();
    }
    expect(seen).toEqual({ problems: [], warnings: [] });
    files.clear();
  }

  return { page, server, place, expectAgreement, seen };
}
