// The worker of the playground: answers requests one after another.

import type { Addresses } from "./compiling.js";
import { createCompiler } from "./compiling.js";
import type { Reply, Request } from "./protocol.js";

const post = (reply: Reply): void => globalThis.postMessage(reply);
let answer: ReturnType<typeof createCompiler> | undefined;
let before: Promise<void> = Promise.resolve();

globalThis.addEventListener("message", ({ data }: MessageEvent<Request | Addresses>) => {
  if (!("id" in data)) {
    answer = createCompiler(data, post);
    return;
  }
  const request = data as Request;
  before = before.then(async () => {
    try {
      await answer?.(request);
    } catch (error) {
      const why = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
      post({ id: request.id, kind: "none", why });
    }
    post({ id: request.id, kind: "done" });
  });
});
