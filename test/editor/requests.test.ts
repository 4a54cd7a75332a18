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

/** The server may answer a request before it reads what makes it void, so several are tried until one is refused. */
const attempts = 100;

/** Whether a request is refused with a code; false if it is answered. */
async function isRefused(request: Promise<unknown>, code: number): Promise<boolean> {
  try {
    await request;
    return false;
  } catch (cause) {
    expect(cause).toMatchObject({ code });
    return true;
  }
}

test("a cancelled request is refused, and those around it are answered", async () => {
  await client.open(text);
  let refused = false;
  for (let attempt = 0; attempt < attempts && !refused; attempt += 1) {
    const source = new CancellationTokenSource();
    const before = client.request("textDocument/hover", hover);
    const cancelled = client.connection.sendRequest("textDocument/hover", hover, source.token);
    const after = client.request("textDocument/hover", hover);
    source.cancel();
    refused = await isRefused(cancelled, -32800);
    expect(await before).toMatchObject({ contents: { value: expect.stringContaining("f32[1, 8]") } });
    expect(await after).toEqual(await before);
  }
  expect(refused).toBe(true);
});

test("a request about a text that has changed since is refused, and one about the new text is answered", async () => {
  let refused = false;
  for (let version = 2; version < 2 + attempts && !refused; version += 1) {
    const stale = isRefused(client.request("textDocument/completion", hover), -32801);
    const line = version + 1;
    await client.replace(`${"# new\n".repeat(version - 1)}${text}`, version);
    const fresh = client.request("textDocument/hover", { ...hover, position: { line, character: 18 } });
    refused = await stale;
    expect(await fresh).toMatchObject({ contents: { value: expect.stringContaining("f32[1, 8]") } });
  }
  expect(refused).toBe(true);
  expect(client.log).toEqual([]);
});
