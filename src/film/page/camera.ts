// The part of a drawing that is seen: x and y are the place of the drawing's origin on the screen, in pixels.

import type { Rect } from "../model/rect.js";

export interface Camera {
  readonly x: number;
  readonly y: number;
  readonly scale: number;
}

export interface Size {
  readonly width: number;
  readonly height: number;
}

const [leastScale, mostScale] = [0.01, 4];

/** Zooms around a point of the screen. */
export function zoomed(camera: Camera, factor: number, x: number, y: number): Camera {
  const scale = Math.min(mostScale, Math.max(leastScale, camera.scale * factor));
  const ratio = scale / camera.scale;
  return { scale, x: x - (x - camera.x) * ratio, y: y - (y - camera.y) * ratio };
}

/** Shows a part of the drawing in the middle, no larger than `most`. */
export function fitted(part: Rect, screen: Size, most = 1.15, margin = 36): Camera {
  const [width, height] = [Math.max(1, part.right - part.left), Math.max(1, part.bottom - part.top)];
  const scale = Math.max(
    leastScale,
    Math.min(most, (screen.width - 2 * margin) / width, (screen.height - 2 * margin) / height),
  );
  return centred(part, screen, scale);
}

/** Puts the middle of a part in the middle of the screen. */
export function centred(part: Rect, screen: Size, scale: number): Camera {
  return {
    scale,
    x: screen.width / 2 - ((part.left + part.right) / 2) * scale,
    y: screen.height / 2 - ((part.top + part.bottom) / 2) * scale,
  };
}

/** Pixels that a camera leaves free around a graph. */
const rim = 36;

/** The nearest camera that shows no more ground around a graph than its rim; along an axis on which all of the graph is seen, that one is in the middle. */
export function clamped({ x, y, scale }: Camera, graph: Size, screen: Size): Camera {
  const along = (place: number, extent: number, room: number): number => {
    const free = room - extent * scale;
    return free >= 2 * rim ? free / 2 : Math.max(free - rim, Math.min(rim, place));
  };
  return { scale, x: along(x, graph.width, screen.width), y: along(y, graph.height, screen.height) };
}

/** The part of the drawing that is on the screen. */
export function seen({ x, y, scale }: Camera, { width, height }: Size): Rect {
  return { left: -x / scale, top: -y / scale, right: (width - x) / scale, bottom: (height - y) / scale };
}

export function between(a: Camera, b: Camera, at: number): Camera {
  const mix = (from: number, to: number): number => from + (to - from) * at;
  return { x: mix(a.x, b.x), y: mix(a.y, b.y), scale: mix(a.scale, b.scale) };
}
