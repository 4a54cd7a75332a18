// A text in the address of the page, compressed, so that a link shares it.

/** What a link holds. */
export interface Shared {
  readonly text: string;
  readonly target: string;
}

/** The hash for a text. */
export async function hashOf(shared: Shared): Promise<string> {
  const bytes = await through(new Blob([JSON.stringify(shared)]), new CompressionStream("deflate-raw"));
  // In parts: a call takes no more than some ten thousand arguments.
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return `#${btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "")}`;
}

/** What a hash holds; undefined if there is none, or it is broken. */
export async function sharedIn(hash: string): Promise<Shared | undefined> {
  if (hash.length < 2) return undefined;
  try {
    const binary = atob(hash.slice(1).replaceAll("-", "+").replaceAll("_", "/"));
    const bytes = Uint8Array.from(binary, (letter) => letter.charCodeAt(0));
    const json = await through(new Blob([bytes]), new DecompressionStream("deflate-raw"));
    const { text, target } = JSON.parse(new TextDecoder().decode(json)) as Record<string, unknown>;
    return typeof text === "string" && typeof target === "string" ? { text, target } : undefined;
  } catch {
    return undefined;
  }
}

async function through(blob: Blob, stream: CompressionStream | DecompressionStream): Promise<Uint8Array> {
  return new Uint8Array(await new Response(blob.stream().pipeThrough(stream)).arrayBuffer());
}
