// Follows the pointers over a canvas: dragging, pinching, the wheel, taps.

export interface Gestures {
  pan(x: number, y: number): void;
  zoom(factor: number, x: number, y: number): void;
  tap(x: number, y: number, twice: boolean): void;
  hover(x: number, y: number): void;
}

/** Pixels that a finger may move in a tap, and milliseconds between two taps that belong together. */
const [wobble, pause] = [6, 350];

export function followPointers(canvas: HTMLCanvasElement, gestures: Gestures): void {
  const down = new Map<number, { x: number; y: number }>();
  let travelled = 0;
  let last = { time: 0, x: 0, y: 0 };
  const place = (event: { readonly clientX: number; readonly clientY: number }): { x: number; y: number } => {
    const { left, top } = canvas.getBoundingClientRect();
    return { x: event.clientX - left, y: event.clientY - top };
  };
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button > 0) return;
    canvas.setPointerCapture(event.pointerId);
    if (down.size === 0) travelled = 0;
    down.set(event.pointerId, place(event));
  });
  canvas.addEventListener("pointermove", (event) => {
    const now = place(event);
    const before = down.get(event.pointerId);
    if (!before) return gestures.hover(now.x, now.y);
    travelled += Math.hypot(now.x - before.x, now.y - before.y);
    const other = [...down].find(([id]) => id !== event.pointerId)?.[1];
    down.set(event.pointerId, now);
    if (!other) {
      if (travelled > wobble) gestures.pan(now.x - before.x, now.y - before.y);
      return undefined;
    }
    const [old, wide] = [
      Math.hypot(before.x - other.x, before.y - other.y),
      Math.hypot(now.x - other.x, now.y - other.y),
    ];
    gestures.pan((now.x - before.x) / 2, (now.y - before.y) / 2);
    if (old > 0) gestures.zoom(wide / old, (now.x + other.x) / 2, (now.y + other.y) / 2);
    return undefined;
  });
  const end = (event: PointerEvent): void => {
    const was = down.get(event.pointerId);
    down.delete(event.pointerId);
    if (!was || event.type === "pointercancel" || down.size > 0 || travelled > wobble) return;
    const twice =
      event.timeStamp - last.time < pause && Math.hypot(was.x - last.x, was.y - last.y) < 4 * wobble;
    last = { time: twice ? 0 : event.timeStamp, ...was };
    gestures.tap(was.x, was.y, twice);
  };
  canvas.addEventListener("pointerup", end);
  canvas.addEventListener("pointercancel", end);
  canvas.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      const { x, y } = place(event);
      const unit = event.deltaMode === 1 ? 18 : 1;
      // A pinch on a touchpad is a wheel with ctrl.
      if (event.ctrlKey || event.metaKey) gestures.zoom(Math.exp((-event.deltaY * unit) / 120), x, y);
      else if (event.shiftKey) gestures.pan(-event.deltaY * unit, 0);
      else gestures.pan(-event.deltaX * unit, -event.deltaY * unit);
    },
    { passive: false },
  );
}
