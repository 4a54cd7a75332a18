// A view of a graph: shows scenes on a canvas, moves boxes from one scene to the next, and follows pointers.

import { given } from "#diagnostic/given.js";
import { framesOf } from "../model/frames.js";
import type { Rect } from "../model/rect.js";
import { around, overlaps, rectAround } from "../model/rect.js";
import type { Point } from "../model/layout.js";
import type { Scene, SceneBox } from "../model/scene.js";
import type { Camera } from "./camera.js";
import { between, centred, clamped, fitted, seen, zoomed } from "./camera.js";
import { contextOf } from "./dom.js";
import { followPointers } from "./gestures.js";
import { createMinimap } from "./minimap.js";
import type { KernelFrame, Placed } from "./paint.js";
import { paint } from "./paint.js";
import type { Theme } from "./theme.js";

export interface ViewHooks {
  /** A box was chosen, by a click or a tap; undefined for the ground. */
  choose(box: SceneBox | undefined): void;
  /** A box was chosen twice in a row. */
  open(box: SceneBox): void;
  imageOf(box: SceneBox): HTMLCanvasElement | undefined;
  titleOf(kernel: string): string;
  /** The user moved the camera. */
  moved(by: (camera: Camera) => Camera): void;
}

export interface View {
  /** Shows a scene; boxes with the same key move. `focus` says which boxes should be in sight then. */
  show(scene: Scene, focus?: (box: SceneBox) => boolean): void;
  /** Marks boxes: the selected ones, and if given the only ones that stay bright. */
  mark(selected: (box: SceneBox) => boolean, lit?: (box: SceneBox) => boolean): void;
  /** Shows the whole graph. */
  fit(): void;
  /** Moves boxes into sight, `close` large enough to read, or to the `middle` in any case. Returns whether there are such boxes. */
  reveal(which: (box: SceneBox) => boolean, how?: "close" | "middle"): boolean;
  /** Shows what another view shows, at the same place: boxes, or else the box of both scenes that is nearest to the middle. */
  alignWith(other: View, which?: (box: SceneBox) => boolean): void;
  /** What it shows, or is about to show. */
  sight(): { readonly scene: Scene; readonly camera: Camera };
  move(by: (camera: Camera) => Camera): void;
  zoom(factor: number): void;
  pan(x: number, y: number): void;
  setTheme(theme: Theme): void;
  repaint(): void;
}

export const emptyScene: Scene = {
  boxes: [],
  links: [],
  boxOf: new Map(),
  blocks: { byPath: new Map(), ofNode: new Map() },
  heads: [],
  width: 0,
  height: 0,
};

/** The scale of a view that begins at changed boxes: their surroundings are in sight too. */
const firstScale = 0.75;

/** How long boxes and the camera move, in milliseconds. */
const duration = 240;

export function createView(
  canvas: HTMLCanvasElement,
  map: HTMLCanvasElement,
  theme: Theme,
  hooks: ViewHooks,
): View {
  const context = contextOf(canvas);
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  let colours = theme;
  let scene = emptyScene;
  let from = new Map<string, { readonly x: number; readonly y: number; readonly box: SceneBox }>();
  let frames: readonly KernelFrame[] = [];
  let moveStart = Number.NEGATIVE_INFINITY;
  let camera: Camera = { x: 0, y: 0, scale: 1 };
  let flight: { readonly start: number; readonly from: Camera; readonly to: Camera } | undefined;
  let selected: ReadonlySet<number> = new Set();
  let lit: ReadonlySet<number> | undefined;
  let hovered = -1;
  let scheduled = false;
  let hasFitted = false;
  let lastSize = { width: 0, height: 0 };
  let firstFocus: ((box: SceneBox) => boolean) | undefined;
  let revealed: Rect | undefined;

  const screen = () => ({ width: canvas.clientWidth, height: canvas.clientHeight });
  const minimap = createMinimap(map, (x, y) => {
    const to = centred({ left: x, right: x, top: y, bottom: y }, screen(), camera.scale);
    const shift = { x: to.x - camera.x, y: to.y - camera.y };
    moveByHand((one) => ({ ...one, x: one.x + shift.x, y: one.y + shift.y }));
  });

  const progress = (): number => (calm.matches ? 1 : Math.min(1, (performance.now() - moveStart) / duration));
  const eased = (at: number): number => 1 - (1 - at) ** 3;

  /** The boxes where they are now; those that go are at the end. */
  const placedNow = (): readonly Placed[] => {
    const at = eased(progress());
    const placed = scene.boxes.map((box): Placed => {
      const old = from.get(box.key);
      if (at >= 1) return { box, x: box.x, y: box.y, strength: 1 };
      if (!old) return { box, x: box.x, y: box.y, strength: at };
      return { box, x: old.x + (box.x - old.x) * at, y: old.y + (box.y - old.y) * at, strength: 1 };
    });
    if (at >= 1) return placed;
    const keys = new Set(scene.boxes.map(({ key }) => key));
    const going = [...from.values()].flatMap(({ box, x, y }) =>
      keys.has(box.key) ? [] : [{ box, x, y, strength: 1 - at }],
    );
    return [...placed, ...going];
  };

  /** Lets the camera follow the size of the canvas; the first camera is for the first size. */
  const settle = (): void => {
    const { width, height } = screen();
    if (width === 0 || height === 0) return;
    if (!hasFitted && scene.boxes.length > 0) {
      hasFitted = true;
      const part = firstFocus && rectOfBoxes(firstFocus);
      camera = part
        ? clamped(fitted(part, { width, height }, firstScale), scene, { width, height })
        : opening();
    } else if (lastSize.width !== width || lastSize.height !== height) {
      // What is in the middle stays there.
      const by = { x: (width - lastSize.width) / 2, y: (height - lastSize.height) / 2 };
      const moved = (one: Camera): Camera => ({ ...one, x: one.x + by.x, y: one.y + by.y });
      camera = moved(camera);
      if (flight) flight = { ...flight, from: moved(flight.from), to: moved(flight.to) };
    }
    lastSize = { width, height };
  };

  const draw = (): void => {
    scheduled = false;
    const { width, height } = screen();
    const ratio = devicePixelRatio;
    if (width === 0 || height === 0) return;
    if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
    }
    settle();
    if (flight) {
      const at = calm.matches ? 1 : Math.min(1, (performance.now() - flight.start) / duration);
      camera = between(flight.from, flight.to, eased(at));
      if (at >= 1) flight = undefined;
    }
    const moving = progress() < 1;
    const placed = placedNow();
    paint(
      context,
      {
        scene,
        placed,
        frames: moving ? [] : frames,
        settled: moving ? eased(progress()) : 1,
        selected,
        ...given({ lit }),
        hovered,
        imageOf: hooks.imageOf,
      },
      camera,
      { width, height },
      ratio,
      colours,
    );
    const view = seen(camera, { width, height });
    minimap.draw(scene, view, selected, colours);
    // The map goes to the upper corner from above what was moved into sight.
    const corner = {
      left: view.right - (map.clientWidth + 10) / camera.scale,
      right: view.right,
      top: view.bottom - (map.clientHeight + 10) / camera.scale,
      bottom: view.bottom,
    };
    map.classList.toggle("above", revealed !== undefined && overlaps(revealed, corner));
    if (moving || flight) repaint();
  };

  const repaint = (): void => {
    if (scheduled) return;
    scheduled = true;
    requestAnimationFrame(draw);
  };

  const fly = (to: Camera): void => {
    flight = { start: performance.now(), from: camera, to };
    repaint();
  };

  const target = (): Camera => flight?.to ?? camera;

  const moveByHand = (by: (one: Camera) => Camera): void => {
    move(by);
    hooks.moved(by);
  };
  const move = (by: (one: Camera) => Camera): void => {
    flight = undefined;
    camera = by(camera);
    repaint();
  };

  const whole = (): Rect => ({ left: 0, top: 0, right: scene.width, bottom: scene.height });

  /** The first camera: all of the graph if it can be read then, else its beginning. */
  const opening = (): Camera => {
    const all = fitted(whole(), screen());
    if (all.scale > 0.5) return all;
    const scale = Math.min(1, Math.max(0.6, (screen().width - 60) / Math.max(1, scene.width)));
    const first = scene.boxes[0];
    const middle = scene.width * scale < screen().width ? scene.width / 2 : (first?.x ?? 0);
    return { scale, x: screen().width / 2 - middle * scale, y: 30 };
  };

  const boxAt = (x: number, y: number): number => {
    const [px, py] = [(x - camera.x) / camera.scale, (y - camera.y) / camera.scale];
    return scene.boxes.findLastIndex(
      (box) => Math.abs(box.x - px) <= box.width / 2 && Math.abs(box.y - py) <= box.height / 2,
    );
  };

  const indices = (which: (box: SceneBox) => boolean): Set<number> => {
    const found = new Set<number>();
    for (const [index, box] of scene.boxes.entries()) if (which(box)) found.add(index);
    return found;
  };

  const rectOfBoxes = (which: (box: SceneBox) => boolean): Rect | undefined =>
    around(scene.boxes.filter(which).map((box) => rectAround(box, box)));

  const reveal = (which: (box: SceneBox) => boolean, how?: "close" | "middle"): boolean => {
    const part = rectOfBoxes(which);
    if (!hasFitted) firstFocus = which;
    settle();
    revealed = part;
    if (!part || !hasFitted) return part !== undefined;
    const now = target();
    const view = seen(now, screen());
    const isInside =
      part.left >= view.left &&
      part.right <= view.right &&
      part.top >= view.top &&
      part.bottom <= view.bottom;
    const isReadable = now.scale >= 0.6;
    if (isInside && how !== "middle" && (isReadable || how === undefined)) return true;
    const best = fitted(part, screen(), Math.max(how === undefined ? 0 : 0.9, Math.min(1.15, now.scale)));
    fly(clamped(best, scene, screen()));
    return true;
  };

  const alignWith = (other: View, which?: (box: SceneBox) => boolean): void => {
    const { scene: model, camera: at } = other.sight();
    settle();
    revealed = which && rectOfBoxes(which);
    const places = sharedPlaces(model, scene, seen(at, screen()), which);
    if (!places) return;
    const [theirs, ours] = places;
    const to = {
      scale: at.scale,
      x: at.x + (theirs.x - ours.x) * at.scale,
      y: at.y + (theirs.y - ours.y) * at.scale,
    };
    fly(to);
  };

  followPointers(canvas, {
    pan: (x, y) => moveByHand((one) => ({ ...one, x: one.x + x, y: one.y + y })),
    zoom: (factor, x, y) => moveByHand((one) => zoomed(one, factor, x, y)),
    tap: (x, y, twice) => {
      const box = scene.boxes[boxAt(x, y)];
      if (twice && box) hooks.open(box);
      else hooks.choose(box);
    },
    hover: (x, y) => {
      const found = boxAt(x, y);
      if (found === hovered) return;
      hovered = found;
      canvas.style.cursor = found >= 0 ? "pointer" : "";
      repaint();
    },
  });
  new ResizeObserver(repaint).observe(canvas);

  return {
    show(next, focus) {
      settle();
      const old = placedNow();
      from = new Map(
        old.filter(({ strength }) => strength > 0.5).map(({ box, x, y }) => [box.key, { box, x, y }]),
      );
      const anchor = anchorOf(next, from, focus, camera, screen());
      scene = next;
      canvas.setAttribute("aria-label", `a graph of ${next.boxes.length} boxes`);
      frames = framesOf(next, ({ kernel }) => kernel).map(({ key, rect }) => ({
        kernel: key,
        title: hooks.titleOf(key),
        rect,
      }));
      hovered = -1;
      moveStart = old.length > 0 ? performance.now() : Number.NEGATIVE_INFINITY;
      if (anchor) {
        // What the eye is on stays where it is on the screen, and everything else moves around it.
        const shift = { x: anchor.shift.x * camera.scale, y: anchor.shift.y * camera.scale };
        const base = target();
        fly(clamped({ ...base, x: base.x - shift.x, y: base.y - shift.y }, next, screen()));
      }
      if (focus) reveal(focus);
      repaint();
    },
    mark(isSelected, isLit) {
      selected = indices(isSelected);
      lit = isLit && indices(isLit);
      repaint();
    },
    fit: () => fly(fitted(whole(), screen())),
    reveal,
    alignWith,
    sight() {
      settle();
      return { scene, camera: target() };
    },
    move,
    zoom: (factor) => fly(zoomed(target(), factor, screen().width / 2, screen().height / 2)),
    pan: (x, y) => fly({ ...camera, x: camera.x + x, y: camera.y + y }),
    setTheme(next) {
      colours = next;
      repaint();
    },
    repaint,
  };
}

/** How far the box moves that should stay where it is on the screen: one that changes and was there before, or else the one in the middle. */
function anchorOf(
  next: Scene,
  from: ReadonlyMap<string, { readonly x: number; readonly y: number }>,
  focus: ((box: SceneBox) => boolean) | undefined,
  camera: Camera,
  screen: { readonly width: number; readonly height: number },
): { readonly shift: { readonly x: number; readonly y: number } } | undefined {
  const view = seen(camera, screen);
  const [middleX, middleY] = [(view.left + view.right) / 2, (view.top + view.bottom) / 2];
  let best:
    | { readonly distance: number; readonly shift: { readonly x: number; readonly y: number } }
    | undefined;
  for (const box of next.boxes) {
    const old = from.get(box.key);
    if (!old) continue;
    const isFocus = focus?.(box) ?? false;
    const distance = Math.abs(old.x - middleX) + 2 * Math.abs(old.y - middleY) - (isFocus ? 1e5 : 0);
    if (!best || distance < best.distance) best = { distance, shift: { x: box.x - old.x, y: box.y - old.y } };
  }
  return best;
}

/** The same place in two scenes: the middle of some boxes, or else that of the box of both that is nearest to the middle of a view of the first. */
function sharedPlaces(
  first: Scene,
  second: Scene,
  view: Rect,
  which: (box: SceneBox) => boolean = () => false,
): readonly [Point, Point] | undefined {
  const middleOf = (rect: Rect): Point => ({
    x: (rect.left + rect.right) / 2,
    y: (rect.top + rect.bottom) / 2,
  });
  const partOf = ({ boxes }: Scene): Rect | undefined =>
    around(boxes.filter(which).map((box) => rectAround(box, box)));
  const [a, b] = [partOf(first), partOf(second)];
  if (a && b) return [middleOf(a), middleOf(b)];
  const middle = middleOf(view);
  const others = new Map(second.boxes.map((box) => [box.key, box]));
  let best: { readonly distance: number; readonly places: readonly [Point, Point] } | undefined;
  for (const box of first.boxes) {
    const other = others.get(box.key);
    const distance = Math.hypot(box.x - middle.x, box.y - middle.y);
    if (other && (!best || distance < best.distance)) best = { distance, places: [box, other] };
  }
  return best?.places;
}
