// Shows a drawing of a graph as an image, so nothing in it can act on the page.

/** The image of an SVG text. */
export async function imageOf(svg: string): Promise<HTMLImageElement> {
  const image = new Image();
  const address = URL.createObjectURL(new Blob([svg], { type: "image/svg+xml" }));
  image.alt = "The graph";
  image.src = address;
  await image.decode().finally(() => URL.revokeObjectURL(address));
  return image;
}
