// A small picture of the whole graph, with the part that is seen; a press in it moves there.

import type { Scene } from "../model/scene.js";
import type { Rect } from "../model/rect.js";
import { contextOf } from "./dom.js";
import type { Theme } from "./theme.js";

export interface Minimap {
  draw(scene: Scene, view: Rect, selected: ReadonlySet<number>, theme: Theme): void;
}

/** Its largest size, as parts of the view. */
const [mostWidth, mostHeight] = [0.2, 0.45];

/** Pixels around the graph. */
const border = 5;

export function createMinimap(canvas: HTMLCanvasElement, move: (x: number, y: number) => void): Minimap {
  const context = contextOf(canvas);
  let scale = 1;
  let offset = { x: 0, y: 0 };
  const go = (event: PointerEvent): void => {
    const { left, top } = canvas.getBoundingClientRect();
    move((event.clientX - left - offset.x) / scale, (event.clientY - top - offset.y) / scale);
  };
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    go(event);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (canvas.hasPointerCapture(event.pointerId)) go(event);
  });
  return {
    draw(scene, view, selected, theme) {
      const sees =
        view.left <= 0 && view.top <= 0 && view.right >= scene.width && view.bottom >= scene.height;
      canvas.hidden = sees || scene.boxes.length === 0;
      if (canvas.hidden) return;
      const [roomX, roomY] = [
        Math.max(60, mostWidth * (canvas.parentElement?.clientWidth ?? 0)),
        Math.max(60, mostHeight * (canvas.parentElement?.clientHeight ?? 0)),
      ];
      scale = Math.min(0.2, (roomX - 2 * border) / scene.width, (roomY - 2 * border) / scene.height);
      const width = Math.max(32, Math.ceil(scene.width * scale) + 2 * border);
      const height = Math.max(32, Math.ceil(scene.height * scale) + 2 * border);
      offset = { x: (width - scene.width * scale) / 2, y: (height - scene.height * scale) / 2 };
      const ratio = devicePixelRatio;
      canvas.style.width = `${width}px`;
      canvas.style.height = `${height}px`;
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
      context.setTransform(ratio, 0, 0, ratio, 0, 0);
      context.clearRect(0, 0, width, height);
      for (const [index, box] of scene.boxes.entries()) {
        const isSelected = selected.has(index);
        context.fillStyle = isSelected
          ? theme.accent
          : box.change === "same"
            ? theme.line
            : theme[box.change];
        const isLarge = isSelected || box.change !== "same";
        const [w, h] = [
          Math.max(isLarge ? 4 : 1, box.width * scale),
          Math.max(isLarge ? 3 : 1, box.height * scale),
        ];
        context.fillRect(offset.x + box.x * scale - w / 2, offset.y + box.y * scale - h / 2, w, h);
      }
      context.strokeStyle = theme.accent;
      context.lineWidth = 1.5;
      const left = Math.max(0.75, offset.x + view.left * scale);
      const top = Math.max(0.75, offset.y + view.top * scale);
      const right = Math.min(width - 0.75, offset.x + view.right * scale);
      const bottom = Math.min(height - 0.75, offset.y + view.bottom * scale);
      context.strokeRect(left, top, Math.max(3, right - left), Math.max(3, bottom - top));
    },
  };
}
