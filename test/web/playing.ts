// Tests of the playground: errors as one types, the graph after passes, kernels, modules, runs, links.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "playwright-core";
import sharp from "sharp";
import { expect, test } from "vitest";
import { inPage } from "./chromium.js";
import type { VisitPage } from "./site.js";
import { choose, desktop, phone, root } from "./site.js";

const three = `net three {
  input x: f32[1, 2, 2, 1]
  a = batch_norm(conv2d(x, filters=2, kernel=1x1)) * 0
  output y = relu(a + 3)
}
`;

export function testPlayground(visit: VisitPage): void {
  const play = (work: (page: Page) => Promise<void>, options = desktop, hash = ""): Promise<void> =>
    visit(
      async (page) => {
        await done(page);
        await work(page);
      },
      options,
      { name: "playground", hash },
    );

  test("an error shows where it is and what helps; without it the graph follows, and a run has results", async () => {
    await play(async (page) => {
      await expect.poll(() => page.locator("#view img").count()).toBe(1);
      await write(page, three.replace("filters", "filter"));
      const remark = page.locator("#remarks li");
      expect(await remark.allTextContents()).toEqual([
        expect.stringContaining("`conv2d` has no attribute `filter`\nhelp: did you mean `filters`?"),
      ]);
      expect(await remark.textContent()).toContain("line 3");
      expect(await page.locator("#editor .cm-lintRange-error").textContent()).toBe("filter=2");
      // The picture of the text before stays, dimmed.
      expect(await page.locator("#view").getAttribute("class")).toContain("old");
      await remark.locator("button").click();
      expect(await inPage(page, "() => document.activeElement.id")).toBe("editor");

      await write(page, three);
      expect(await remark.count()).toBe(0);
      expect(await page.locator("#view").getAttribute("class")).not.toContain("old");
      expect(await page.locator("#facts").textContent()).toContain("145 ops as written");
      await view(page, "run");
      expect(await outputs(page)).toEqual([{ name: "y", values: Array.from({ length: 8 }, () => 3) }]);
      expect(await page.locator("#view").textContent()).toContain("least 3, mean 3, greatest 3");
    });
  });

  test("the graph as it was written and after each pass, kernels and the module", async () => {
    await play(async (page) => {
      await write(page, three);
      await view(page, "graph");
      const text = (): Promise<string | null> => page.locator("#view").textContent();
      const passes = await page.locator("#passes option").allTextContents();
      expect(passes).toContain("after fold-batch-norm");
      await page.locator("#passes").selectOption("");
      await done(page);
      expect(await text()).toContain("batch_norm(");
      await page.locator("#passes").selectOption("fold-batch-norm");
      await done(page);
      expect(await text()).not.toContain("batch_norm(");
      await page.locator("#passes").selectOption("all");
      await done(page);
      expect(await text()).toContain("kernel k0");
      await view(page, "film");
      const [saved] = await Promise.all([page.waitForEvent("download"), page.locator("#view a").click()]);
      expect(saved.suggestedFilename()).toBe("three.html");
      expect(readFileSync(await saved.path(), "utf8")).toMatch(/^<!doctype html>[^]*id="film"/);
      await view(page, "kernels");
      expect(await text()).toMatch(/kernel \w+/);
      for (const [target, words] of [
        ["js", "JavaScript"],
        ["wasm", "to WebAssembly"],
        ["wgsl", "@compute"],
      ] as const) {
        await view(page, "module");
        if (await page.locator(`#targets input[value="${target}"]`).isDisabled()) continue;
        await choose(page, "targets", target);
        await done(page);
        expect(await text()).toContain(words);
        await view(page, "run");
        if (target !== "wgsl")
          expect((await outputs(page))[0]!.values).toEqual(Array.from({ length: 8 }, () => 3));
      }
      expect(await page.locator("#facts").textContent()).toMatch(/Module\s*[\d.]+ KiB/);
    });
  });

  test("an example with trained weights tells a boot in a picture that is opened", async () => {
    await play(async (page) => {
      await page.locator("#examples").selectOption("fm_mobile.net");
      await done(page);
      await view(page, "run");
      const [chooser] = await Promise.all([
        page.waitForEvent("filechooser"),
        page.locator("#view").getByText("Open a picture").click(),
      ]);
      await chooser.setFiles(join(root, "examples/images/00_ankle_boot.png"));
      await expect.poll(() => page.locator("#view").textContent()).toContain("your picture");
      const values = (await outputs(page))[0]!.values;
      const classes = readFileSync(join(root, "examples/fashion_mnist.labels.txt"), "utf8")
        .trim()
        .split("\n");
      expect(classes[values.indexOf(Math.max(...values))]).toBe("Ankle boot");
    });
  });

  test("a picture becomes values as the text says, else as `cleave run` makes them; what is none gives a message", async () => {
    // The left half is white, the right half black.
    const white = { create: { width: 20, height: 20, channels: 3, background: "white" } } as const;
    const buffer = await sharp(white).extend({ right: 20, background: "black" }).png().toBuffer();
    await play(async (page) => {
      const open = (name: string, file: Buffer): Promise<void> =>
        page.locator("#view input[type=file]").setInputFiles({ name, mimeType: "image/png", buffer: file });
      for (const [said, mean] of [
        ["preprocess(fit=contain)", 0.25],
        ["", 0.5],
      ] as const) {
        await write(
          page,
          `net mean {\n  input image: f32[N, 16, 16, 3] ${said}\n  output y = global_avg_pool(image)\n}\n`,
        );
        await view(page, "run");
        await open("half.png", buffer);
        await expect.poll(() => page.locator("#view").textContent()).toContain("your picture");
        for (const value of (await outputs(page))[0]!.values) expect(value).toBeCloseTo(mean, 2);
      }
      await open("notes.png", Buffer.from("this is not a picture"));
      await expect.poll(() => page.locator("#message").textContent()).toContain("Cannot read notes.png");
    });
  });

  test("a large net is shown, but not run, and typing on does not wait for it", async () => {
    await play(async (page) => {
      await page.locator("#examples").selectOption("vgg16.net");
      await write(page, three);
      await view(page, "run");
      expect(await outputs(page)).toHaveLength(1);
      await page.locator("#examples").selectOption("vgg16.net");
      await done(page);
      expect(await page.locator("#view").textContent()).toContain("138 M parameters");
      await view(page, "graph");
      expect(await page.locator("#view").textContent()).toContain("net vgg16");
    });
  });

  test("a link holds the text", async () => {
    const hash = { value: "" };
    const text = `# “quotes” & </script>\n${three}`;
    await play(async (page) => {
      await write(page, text);
      await page.locator("#share").click();
      await expect.poll(() => inPage<string>(page, "() => location.hash")).not.toBe("");
      hash.value = await inPage<string>(page, "() => location.hash");
    });
    await play(
      async (page) => {
        expect(await inPage(page, "() => cleaveDemo.text()")).toBe(text);
      },
      desktop,
      hash.value,
    );
    await play(
      async (page) => {
        expect(await inPage<string>(page, "() => cleaveDemo.text()")).toContain("net small");
      },
      desktop,
      "#broken",
    );
  });

  test("completions of attributes, and what a word means", async () => {
    await play(async (page) => {
      await write(page, "net n {\n  input x: f32[1, 8]\n  output y = dense(x, u");
      await page.keyboard.press("Control+Space");
      await expect
        .poll(() => page.locator("#editor .cm-completionLabel").allTextContents())
        .toContain("units");
      await page.locator("#editor .cm-completionLabel", { hasText: /^units$/ }).click();
      expect(await inPage<string>(page, "() => cleaveDemo.text()")).toContain("dense(x, units=");
      await paste(page, "4)\n}\n");
      await done(page);
      await page.locator("#editor .cm-line", { hasText: "output" }).getByText("dense").hover();
      await expect.poll(() => page.locator("#editor .doc").textContent()).toContain("MACs");
    });
  });

  test("nothing is wider than a phone", async () => {
    await play(async (page) => {
      for (const name of ["picture", "graph", "film", "kernels", "module", "run"]) {
        await view(page, name);
        expect(await inPage<number>(page, "() => document.documentElement.scrollWidth")).toBe(360);
      }
    }, phone);
  });

  test.runIf(process.env["SCREENSHOTS"])("screenshots of the playground", async () => {
    for (const [name, options] of [
      ["web-playground", { ...desktop, deviceScaleFactor: 1.5 }],
      ["web-playground-phone", { ...phone, colorScheme: "dark" as const }],
    ] as const) {
      await play(async (page) => {
        await expect.poll(() => page.locator("#view img").count()).toBe(1);
        const bytes = await page.screenshot({ fullPage: name === "web-playground" });
        await sharp(bytes)
          .png({ palette: true, colors: 128 })
          .toFile(join(root, "docs", `${name}.png`));
      }, options);
    }
  });
}

/** Waits until the page shows what belongs to the text. */
async function done(page: Page): Promise<void> {
  await page.evaluate("cleaveDemo.settled()");
}

/** Pastes a text in place of all. */
async function write(page: Page, text: string): Promise<void> {
  await page.locator("#editor .cm-content").click();
  await page.keyboard.press("Control+A");
  await paste(page, text);
  await done(page);
}

function paste(page: Page, text: string): Promise<void> {
  return inPage(
    page,
    `(text) => {
      const clipboardData = new DataTransfer();
      clipboardData.setData("text/plain", text);
      const content = document.querySelector("#editor").shadowRoot.querySelector(".cm-content");
      content.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true }));
    }`,
    text,
  );
}

async function view(page: Page, name: string): Promise<void> {
  await choose(page, "views", name);
  await done(page);
}

async function outputs(page: Page): Promise<{ name: string; values: number[] }[]> {
  await done(page);
  return (await page.evaluate("cleaveDemo.outputs()")) as { name: string; values: number[] }[];
}
