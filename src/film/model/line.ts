// The line of a link through its points: straight down, and with soft bends to the side.

import type { Point } from "./layout.js";

/** What draws; a canvas has these methods. */
export interface Pen {
  moveTo(x: number, y: number): void;
  lineTo(x: number, y: number): void;
  bezierCurveTo(x1: number, y1: number, x2: number, y2: number, x: number, y: number): void;
}

export function drawLine([first, ...rest]: readonly Point[], pen: Pen): void {
  if (!first) return;
  pen.moveTo(first.x, first.y);
  let at = first;
  for (const { x, y } of rest) {
    if (Math.abs(x - at.x) < 0.5) pen.lineTo(x, y);
    else {
      const bend = (y - at.y) / 2;
      pen.bezierCurveTo(at.x, at.y + bend, x, y - bend, x, y);
    }
    at = { x, y };
  }
}
