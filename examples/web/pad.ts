// The square to draw on, with mouse, pen, finger or arrow keys.

import { side } from "./picture.js";

/** Pixels of the canvas for each pixel of the net, along a side. */
const detail = 10;
const size = side * detail;

export interface Pad {
  /** The drawing as the net sees it: 28×28 gray values, the means of 10×10 pixels. */
  gray(): Uint8Array;
  /** Replaces the drawing by 28×28 gray values. */
  show(gray: Uint8Array): void;
  clear(): void;
  invert(): void;
  /** Diameter in pixels of the net, and a gray value from 0 to 255. */
  setBrush(diameter: number, shade: number): void;
}

interface Point {
  readonly x: number;
  readonly y: number;
}

/** Makes a pad of a canvas and the ring that shows the brush; `changed` is called after each change. */
export function createPad(canvas: HTMLCanvasElement, ring: HTMLElement, changed: () => void): Pad {
  canvas.width = size;
  canvas.height = size;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (!context) throw new Error("This browser gives no canvas to draw on.");
  context.lineCap = "round";
  context.imageSmoothingEnabled = false;
  let diameter = 3 * detail;
  /** The last position of each pointer that is down. */
  const pointers = new Map<number, Point>();
  let cursor: Point = { x: size / 2, y: size / 2 };

  const fillBlack = (): void => {
    const { fillStyle } = context;
    context.fillStyle = "black";
    context.fillRect(0, 0, size, size);
    context.fillStyle = fillStyle;
  };
  fillBlack();

  const stroke = (from: Point, to: Point, width = diameter): void => {
    context.beginPath();
    if (from.x === to.x && from.y === to.y) {
      // A line of length 0 would draw nothing.
      context.arc(to.x, to.y, width / 2, 0, 2 * Math.PI);
      context.fill();
      return;
    }
    context.lineWidth = width;
    context.moveTo(from.x, from.y);
    context.lineTo(to.x, to.y);
    context.stroke();
  };

  function place(event: PointerEvent): Point {
    const box = canvas.getBoundingClientRect();
    return {
      x: ((event.clientX - box.left) / box.width) * size,
      y: ((event.clientY - box.top) / box.height) * size,
    };
  }

  function showRing({ x, y }: Point): void {
    ring.style.setProperty("--x", String(x / size));
    ring.style.setProperty("--y", String(y / size));
    ring.style.setProperty("--diameter", String(diameter / size));
    ring.hidden = false;
  }

  /** Full pressure makes a pen's line up to twice as wide. */
  const widthOf = (event: PointerEvent): number =>
    event.pointerType === "pen" ? diameter * (0.5 + event.pressure) : diameter;

  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    canvas.setPointerCapture(event.pointerId);
    const point = place(event);
    pointers.set(event.pointerId, point);
    stroke(point, point, widthOf(event));
    changed();
  });
  canvas.addEventListener("pointermove", (event) => {
    if (event.pointerType !== "touch") showRing((cursor = place(event)));
    let last = pointers.get(event.pointerId);
    if (!last) return;
    const coalesced = event.getCoalescedEvents();
    for (const one of coalesced.length > 0 ? coalesced : [event]) {
      const point = place(one);
      stroke(last, point, widthOf(one));
      last = point;
    }
    pointers.set(event.pointerId, last);
    changed();
  });
  for (const end of ["pointerup", "pointercancel"] as const) {
    canvas.addEventListener(end, (event) => pointers.delete(event.pointerId));
  }
  canvas.addEventListener("pointerleave", () => (ring.hidden = true));

  const steps: Readonly<Record<string, readonly [number, number]>> = {
    ArrowLeft: [-1, 0],
    ArrowRight: [1, 0],
    ArrowUp: [0, -1],
    ArrowDown: [0, 1],
  };
  canvas.addEventListener("keydown", (event) => {
    const step = steps[event.key];
    if (!step) return;
    event.preventDefault();
    const within = (value: number): number => Math.min(size, Math.max(0, value));
    const next = { x: within(cursor.x + step[0] * detail), y: within(cursor.y + step[1] * detail) };
    if (event.shiftKey) {
      stroke(cursor, next);
      changed();
    }
    showRing((cursor = next));
  });
  canvas.addEventListener("focus", () => {
    if (canvas.matches(":focus-visible")) showRing(cursor);
  });
  canvas.addEventListener("blur", () => (ring.hidden = true));

  return {
    gray() {
      const { data } = context.getImageData(0, 0, size, size);
      return Uint8Array.from({ length: side * side }, (_, pixel) => {
        const start = Math.floor(pixel / side) * detail * size + (pixel % side) * detail;
        let sum = 0;
        for (let y = 0; y < detail; y++) {
          for (let x = 0; x < detail; x++) sum += data[4 * (start + y * size + x)] ?? 0;
        }
        return Math.round(sum / detail ** 2);
      });
    },
    show(gray) {
      context.drawImage(paint(gray), 0, 0, size, size);
      changed();
    },
    clear() {
      fillBlack();
      changed();
    },
    invert() {
      const pixels = context.getImageData(0, 0, size, size);
      pixels.data.forEach((value, index) => {
        if (index % 4 < 3) pixels.data[index] = 255 - value;
      });
      context.putImageData(pixels, 0, 0);
      changed();
    },
    setBrush(wanted, shade) {
      diameter = wanted * detail;
      context.strokeStyle = context.fillStyle = `rgb(${shade} ${shade} ${shade})`;
    },
  };
}

/** A canvas of 28×28 pixels. */
export function paint(
  gray: Uint8Array,
  canvas: HTMLCanvasElement = document.createElement("canvas"),
): HTMLCanvasElement {
  canvas.width = side;
  canvas.height = side;
  const image = new ImageData(side, side);
  gray.forEach((value, pixel) => image.data.set([value, value, value, 255], 4 * pixel));
  canvas.getContext("2d")?.putImageData(image, 0, 0);
  return canvas;
}
