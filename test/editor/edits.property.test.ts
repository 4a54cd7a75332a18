// Random edits of texts, through the protocol: the server answers every request, and its log has no bug.

import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { seededRandom } from "#ops/random.js";
import { scaled } from "../scale.js";
import type { Client } from "./client.js";
import { serveHere, uri } from "./client.js";

const texts = ["examples/mobilenet_v2.net", "examples/seed.net", "passes/rules/fusions.ts"]
  .map((path) => readFileSync(path, "utf8"))
  .concat([
    "block b(x, n=2) {\n  repeat n as i { x = conv2d(x, filters=i + 1, kernel=1x1) }\n  return x\n}\n" +
      'net a {\n  input image: f32[N, 4, 4, 3] preprocess(scale=1/255, fit=cover)\n  output y labels("a") = b(image, n=3)\n}\n' +
      "rule r: relu(c: convolution(x, w, b, ..a)) => c(x, w * g, b, ..a) where g = at(shape(w), 0) when constant(w) and shared\n" +
      "fuse f: depthwise -> elementwise* -> pointwise? when fits_on_chip and saved_bytes > 10\n",
    "",
  ]);

/** Pieces that are inserted: signs, words, and characters that are several units or act on terminals. */
const pieces = [
  "(",
  ")",
  "{",
  "}",
  "[",
  "]",
  "|>",
  "=",
  "=>",
  ",",
  '"',
  "`",
  "#",
  "\n",
  "\r\n",
  "\r",
  " ",
  "x",
  "net ",
  "block ",
  "rule r: ",
  "repeat ",
  "..a",
  "3x3",
  "1e9",
  "😀",
  "\u202e",
  "\u0000",
  "\ud800",
  "\ufeff",
  "conv2d(",
  'weight("',
];

const requests = [
  "textDocument/hover",
  "textDocument/completion",
  "textDocument/signatureHelp",
  "textDocument/definition",
  "textDocument/references",
  "textDocument/documentHighlight",
  "textDocument/prepareRename",
  "textDocument/documentSymbol",
  "textDocument/foldingRange",
  "textDocument/formatting",
  "textDocument/semanticTokens/full",
  "textDocument/inlayHint",
  "textDocument/codeAction",
] as const;

test("the server survives random edits", { timeout: 600_000 }, async () => {
  const client = await serveHere();
  const random = seededRandom(17);
  const below = (count: number): number => random.int(0, count - 1);
  let version = 1;
  await client.open("");
  for (let round = 0; round < scaled(60); round++) {
    let text = texts[below(texts.length)]!;
    await client.replace(text, ++version);
    for (let edit = 0; edit < 8; edit++) {
      const start = below(text.length + 1);
      const end = Math.min(text.length, start + (below(3) === 0 ? below(60) : 0));
      const piece = pieces[below(pieces.length)]!;
      text = text.slice(0, start) + piece + text.slice(end);
      await client.replace(text, ++version);
      await askAll(client, text, start + piece.length, below(requests.length));
    }
  }
  expect(client.log).toEqual([]);
  await client.close();
});

/** Asks at a place: all requests for some edits, one for the others. Waits for all answers. */
async function askAll(client: Client, text: string, offset: number, chosen: number): Promise<void> {
  const lines = text.slice(0, offset).split(/\r\n|\n|\r/);
  const position = { line: lines.length - 1, character: lines.at(-1)!.length };
  const range = { start: { line: 0, character: 0 }, end: position };
  const textDocument = { uri };
  const parameters = {
    textDocument,
    position,
    range,
    context: { includeDeclaration: true, diagnostics: [] },
    options: {},
  };
  const asked = chosen < 3 ? requests : [requests[chosen]!, "textDocument/completion"];
  await Promise.all(asked.map((method) => client.request(method, parameters)));
  // A refusal is an answer.
  await client.request("textDocument/rename", { ...parameters, newName: "a b" }).catch((cause: Error) => {
    expect(cause.message).not.toContain("Internal");
  });
}
