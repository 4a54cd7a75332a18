// The built language server, driven over its protocol as editors drive it.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import type {
  CodeAction,
  CompletionItem,
  DocumentSymbol,
  Hover,
  InlayHint,
  Location,
} from "vscode-languageserver";
import { writeSafetensors } from "#weights/write-safetensors.js";
import type { Client } from "./client.js";
import { spawnServer, uri } from "./client.js";

let client: Client;

beforeAll(async () => {
  client = await spawnServer({ dims: { H: 8 } });
}, 60_000);

afterAll(async () => {
  // 0 says that the server has not failed in between.
  expect(await client.close()).toBe(0);
  expect(client.log).toEqual([]);
}, 60_000);

const good = `## A stage.
block stage(x, filters) {
  return conv2d(x, filters=filters, kernel=3x3, padding=same) |> relu
}

net a {
  input image: f32[N, H, 8, 3]
  \`x 😀\` = stage(image, filters=4)
  y = stage(\`x 😀\`, filters=5)
  output y
}
`;
const document = { textDocument: { uri } };
/** The position of a part of the text, plus some characters. */
const at = (part: string, more = 0, all = good) => {
  const before = all.slice(0, all.indexOf(part) + more).split(/\r\n|\n/);
  return { line: before.length - 1, character: before.at(-1)!.length };
};

test("diagnostics: a syntax error, then none", async () => {
  await client.open("net a {\n  x = relu(\n}\n");
  const [found, ...more] = await client.diagnostics(1);
  expect(more).toEqual([]);
  expect(found).toMatchObject({
    severity: 1,
    source: "cleave",
    code: "unclosed",
    range: { start: { line: 1 } },
  });
  expect(found!.codeDescription!.href).toMatch(/^file:.*docs\/diagnostics\.md#unclosed$/);
  await client.replace(good, 2);
  expect(await client.diagnostics(2)).toEqual([]);
});

test("diagnostics have help and related places, and a fix", async () => {
  await client.replace(good.replace("filters=5", "filtres=5"), 3);
  const [found] = await client.diagnostics(3);
  expect(found!.message).toBe("block `stage` has no parameter `filtres`\nhelp: did you mean `filters`?");
  expect(found!.relatedInformation).toMatchObject([{ message: "defined here", location: { uri } }]);
  const actions = await client.request<CodeAction[]>("textDocument/codeAction", {
    ...document,
    range: found!.range,
    context: { diagnostics: [found] },
  });
  expect(actions).toMatchObject([
    { title: "Replace by `filters`", edit: { changes: { [uri]: [{ newText: "filters" }] } } },
  ]);
  await client.replace(good, 4);
  expect(await client.diagnostics(4)).toEqual([]);
});

test("hover: shape and costs, at a place behind an emoji", async () => {
  const hover = await client.request<Hover>("textDocument/hover", { ...document, position: at("y = stage") });
  expect(hover.contents).toMatchObject({ kind: "markdown" });
  expect((hover.contents as { value: string }).value).toContain("y: f32[1, 8, 8, 5]");
  expect((hover.contents as { value: string }).value).toContain("185 parameters");
  const block = await client.request<Hover>("textDocument/hover", { ...document, position: at("stage(`x") });
  expect((block.contents as { value: string }).value).toContain("A stage.");
  const nothing = await client.request<Hover>("textDocument/hover", { ...document, position: at("net a") });
  expect(nothing).toBeNull();
});

test("completion, and the documentation of one", async () => {
  const all = await client.request<CompletionItem[]>("textDocument/completion", {
    ...document,
    position: at("padding=same", "padding=".length),
  });
  expect(all.slice(0, 2).map(({ label }) => label)).toEqual(["same", "valid"]);
  expect(all[0]!.textEdit).toMatchObject({
    range: { start: at("padding=same", 8), end: at("padding=same", 12) },
    newText: "same",
  });
  const calls = await client.request<CompletionItem[]>("textDocument/completion", {
    ...document,
    position: at("|> relu", 5),
  });
  const relu6 = calls.find(({ label }) => label === "relu6");
  const resolved = await client.request<CompletionItem>("completionItem/resolve", relu6!);
  expect((resolved.documentation as { value: string }).value).toContain("Howard");
});

test("signature help", async () => {
  const help = await client.request("textDocument/signatureHelp", { ...document, position: at("filters=5") });
  expect(help).toMatchObject({ signatures: [{ label: "stage(x, filters)" }], activeParameter: 1 });
});

test("definition, references and highlights count in UTF-16", async () => {
  const use = { ...document, position: at("(`x", 2) };
  const range = { start: at("`x 😀` ="), end: at("`x 😀` =", 6) };
  expect(range.end.character - range.start.character).toBe(6);
  expect(await client.request<Location[]>("textDocument/definition", use)).toEqual([{ uri, range }]);
  const references = await client.request<Location[]>("textDocument/references", {
    ...use,
    context: { includeDeclaration: false },
  });
  expect(references.map((one) => one.range.start)).toEqual([at("(`x", 1)]);
  expect(await client.request<object[]>("textDocument/documentHighlight", use)).toHaveLength(2);
});

test("rename, prepared and refused", async () => {
  const use = { ...document, position: at("filters=5") };
  expect(await client.request("textDocument/prepareRename", use)).toMatchObject({ placeholder: "filters" });
  expect(
    await client.request("textDocument/prepareRename", { ...document, position: at("net a") }),
  ).toBeNull();
  const { changes } = await client.request<{ changes: Record<string, { newText: string }[]> }>(
    "textDocument/rename",
    { ...use, newName: "return" },
  );
  // The definition, the value, and the names of two arguments.
  expect(changes[uri]!.map(({ newText }) => newText)).toEqual(["`return`", "`return`", "return", "return"]);
  await expect(client.request("textDocument/rename", { ...use, newName: "x" })).rejects.toThrow(
    "another meaning",
  );
});

test("formatting, with the line ends of the text", async () => {
  const crlf = good.replace("output y", "output  y").replaceAll("\n", "\r\n");
  await client.replace(crlf, 5);
  expect(await client.request("textDocument/formatting", { ...document, options: {} })).toEqual([
    {
      range: {
        start: { ...at("  output  y", 0, crlf), character: 0 },
        end: { line: at("  output", 0, crlf).line + 1, character: 0 },
      },
      newText: "  output y\r\n",
    },
  ]);
  await client.replace(good, 6);
});

test("inlay hints, folds, symbols and tokens", async () => {
  const range = { start: { line: 0, character: 0 }, end: { line: 20, character: 0 } };
  const hints = await client.request<InlayHint[]>("textDocument/inlayHint", { ...document, range });
  expect(hints.map(({ label, position }) => [label, position.line])).toContainEqual([
    ": f32[1, 8, 8, 4]",
    at("`x 😀` =").line,
  ]);
  expect(await client.request("textDocument/foldingRange", document)).toContainEqual({
    startLine: 1,
    endLine: 2,
  });
  const symbols = await client.request<DocumentSymbol[]>("textDocument/documentSymbol", document);
  expect(symbols.map(({ name }) => name)).toEqual(["stage", "a"]);
  expect(symbols[1]!.children!.map(({ name }) => name)).toEqual(["image", "x 😀", "y"]);
  const { data } = await client.request<{ data: number[] }>("textDocument/semanticTokens/full", document);
  expect(data.length % 5).toBe(0);
  expect(data.slice(0, 2)).toEqual([1, 6]);
});

test("the header of the weight file that a net names, and nothing of a document without a place", async () => {
  const folder = mkdtempSync(join(tmpdir(), "cleave-lsp-"));
  try {
    const model = join(folder, "model.net");
    const net = `net a {
  weights "w.safetensors"
  input image: f32[1, 8, 8, 3]
  param w: f32[3, 3, 3, 4] = weight("stem")
  output y = conv2d(image, w)
}
`;
    const here = pathToFileURL(model).href;
    await client.open(net, here);
    expect((await client.diagnostics(1, here)).map(({ code }) => code)).toEqual(["cannot-read"]);
    writeFileSync(
      join(folder, "w.safetensors"),
      Buffer.concat([
        ...writeSafetensors([{ name: "stem", shape: [3, 3, 3, 4], values: () => new Float32Array(108) }]),
      ]),
    );
    await client.replace(`${net}\n`, 2, here);
    expect(await client.diagnostics(2, here)).toEqual([]);
    const keys = await client.request<CompletionItem[]>("textDocument/completion", {
      textDocument: { uri: here },
      position: at('"stem"', 2, net),
    });
    expect(keys.map(({ label, detail }) => [label, detail])).toEqual([["stem", "f32[3, 3, 3, 4]"]]);
    await client.open(net, "untitled:a");
    expect((await client.diagnostics(1, "untitled:a")).map(({ code }) => code)).toEqual(["no-weights"]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test("an imported block is defined in its own file, and its errors are shown at the call", async () => {
  const folder = mkdtempSync(join(tmpdir(), "cleave-lsp-"));
  try {
    const [blocks, model] = ["blocks.net", "model.net"].map((name) => join(folder, name)) as [string, string];
    writeFileSync(blocks, "\nblock half(x) {\n  return max_pool(x, kernel=2)\n}\n");
    const net =
      'import half from "blocks.net"\nnet a {\n  input image: f32[1, 8, 8, 3]\n  output y = half(image)\n}\n';
    const here = pathToFileURL(model).href;
    await client.open(net, here);
    expect(await client.diagnostics(1, here)).toEqual([]);
    const use = { textDocument: { uri: here }, position: at("half(image", 1, net) };
    expect(await client.request<Location[]>("textDocument/definition", use)).toEqual([
      {
        uri: pathToFileURL(blocks).href,
        range: { start: { line: 1, character: 6 }, end: { line: 1, character: 10 } },
      },
    ]);
    writeFileSync(blocks, "block half(x) {\n  return max_poll(x, kernel=2)\n}\n");
    await client.replace(`${net}\n`, 2, here);
    const [found] = await client.diagnostics(2, here);
    expect(found).toMatchObject({ code: "unknown-op", range: { start: at("half(image", 0, net) } });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test("wrong rules are refuted after the other diagnostics, and the newest text counts", async () => {
  const rules = "file:///nowhere/rules.net";
  await client.open("rule wrong: x + 1 => x\n", rules);
  expect(await client.diagnostics(1, rules)).toEqual([]);
  await client.replace("rule wrong: x + 1 => x + 2\n", 2, rules);
  expect(await client.diagnostics(2, rules)).toEqual([]);
  const [found] = await client.diagnostics(2, rules);
  expect(found).toMatchObject({ code: "rule-not-equal", severity: 1 });
});

test("settings change all documents", async () => {
  expect(await client.diagnostics(6)).toEqual([]);
  await client.connection.sendNotification("workspace/didChangeConfiguration", { settings: { cleave: {} } });
  const [found] = await client.diagnostics(6);
  expect(found).toMatchObject({ code: "unbound-dimension" });
});
