// Rectangles of a drawing.

export interface Rect {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/** The rectangle around a middle, with a margin. */
export function rectAround(
  { x, y }: { readonly x: number; readonly y: number },
  { width, height }: { readonly width: number; readonly height: number },
  margin = 0,
): Rect {
  const [w, h] = [width / 2 + margin, height / 2 + margin];
  return { left: x - w, top: y - h, right: x + w, bottom: y + h };
}

export function overlaps(a: Rect, b: Rect): boolean {
  return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
}

/** The least rectangle that holds all. */
export function around(rects: readonly Rect[]): Rect | undefined {
  const [first, ...rest] = rects;
  return (
    first &&
    rest.reduce(
      (all, one) => ({
        left: Math.min(all.left, one.left),
        top: Math.min(all.top, one.top),
        right: Math.max(all.right, one.right),
        bottom: Math.max(all.bottom, one.bottom),
      }),
      first,
    )
  );
}
