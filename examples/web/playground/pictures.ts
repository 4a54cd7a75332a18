// Draws graphs with Graphviz, in a worker of its own that starts with the first picture.

export interface Pictures {
  /** The picture of a DOT text. It is an image, so nothing in it can act on the page. */
  draw(dot: string): Promise<HTMLImageElement>;
}

interface Drawn {
  readonly id: number;
  readonly result?: string;
  readonly error?: { readonly message: string };
}

export function createPictures(): Pictures {
  let worker: Worker | undefined;
  let last = 0;
  const waiting = new Map<number, { resolve(svg: string): void; reject(error: Error): void }>();

  function start(): Worker {
    const made = new Worker(new URL("./graphviz.ts", import.meta.url), { type: "module" });
    made.addEventListener("message", ({ data: { id, result, error } }: MessageEvent<Drawn>) => {
      const one = waiting.get(id);
      waiting.delete(id);
      if (result === undefined) one?.reject(new Error(error?.message ?? "Graphviz gave no picture"));
      else one?.resolve(result);
    });
    return made;
  }

  return {
    async draw(dot) {
      worker ??= start();
      last += 1;
      const svg = await new Promise<string>((resolve, reject) => {
        waiting.set(last, { resolve, reject });
        worker?.postMessage({ id: last, src: dot, options: { format: "svg", engine: "dot", files: [] } });
      });
      const image = new Image();
      const address = URL.createObjectURL(new Blob([svg], { type: "image/svg+xml" }));
      image.alt = "The graph";
      image.src = address;
      await image.decode().finally(() => URL.revokeObjectURL(address));
      return image;
    },
  };
}
