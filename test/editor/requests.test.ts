// Requests that the editor has cancelled, or that ask about a text that has changed since.

import { afterAll, beforeAll, expect, test } from "vitest";
import { CancellationTokenSource } from "vscode-languageserver/node";
import type { Client } from "./client.js";
import { serveHere, uri } from "./client.js";

let client: Client;
beforeAll(async () => {
  client = await serveHere();
});
afterAll(() => client.close());

const text = "net a {\n  input x: f32[1, 8]\n  output y = relu(x)\n}\n";
const hover = { textDocument: { uri }, position: { line: 2, character: 18 } };

test("a cancelled request is refused, and those around it are answered", async () => {
  await client.open(text);
  const source = new CancellationTokenSource();
  const before = client.request("textDocument/hover", hover);
  const cancelled = client.connection.sendRequest("textDocument/hover", hover, source.token);
  const after = client.request("textDocument/hover", hover);
  source.cancel();
  await expect(cancelled).rejects.toMatchObject({ code: -32800 });
  expect(await before).toMatchObject({ contents: { value: expect.stringContaining("f32[1, 8]") } });
  expect(await after).toEqual(await before);
});

test("a request about a text that has changed since is refused, and one about the new text is answered", async () => {
  const stale = client.request("textDocument/completion", hover);
  await client.replace(`# new\n${text}`, 2);
  const fresh = client.request("textDocument/hover", { ...hover, position: { line: 3, character: 18 } });
  await expect(stale).rejects.toMatchObject({ code: -32801 });
  expect(await fresh).toMatchObject({ contents: { value: expect.stringContaining("f32[1, 8]") } });
  expect(client.log).toEqual([]);
});
