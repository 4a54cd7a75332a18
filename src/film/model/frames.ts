// Frames around boxes that belong together: the boxes of a kernel, or of a block.

import { greatest } from "#diagnostic/extremes.js";
import type { Rect } from "./rect.js";
import { around, overlaps, rectAround } from "./rect.js";
import type { Scene, SceneBox } from "./scene.js";

export interface Frame {
  /** What the boxes share, such as the id of their kernel. */
  readonly key: string;
  readonly rect: Rect;
}

/** Room for the title of a frame, above its boxes. */
const titleHeight = 10;

/**
 * Frames around boxes with the same key. Boxes in several columns have a frame in each. There is none around boxes that nothing links, or between
 * which another box is.
 */
export function framesOf(
  { boxes, links }: Scene,
  keyOf: (box: SceneBox) => string | undefined,
): readonly Frame[] {
  const keys = boxes.map(keyOf);
  const sizes = new Map<string, number>();
  const groups = new Map<string, number[]>();
  const groupOf = boxes.map(({ column }, at): number[] | undefined => {
    const key = keys[at];
    if (key === undefined) return undefined;
    sizes.set(key, (sizes.get(key) ?? 0) + 1);
    const place = `${column} ${key}`;
    const group = groups.get(place) ?? [];
    group.push(at);
    groups.set(place, group);
    return group;
  });
  const linked = new Set<number>();
  for (const { from, to } of links)
    if (groupOf[from] !== undefined && groupOf[from] === groupOf[to]) linked.add(from).add(to);
  const others = boxesByHeight(boxes);
  return [...groups.values()].flatMap((group): Frame[] => {
    const members = group.flatMap((at) => boxes[at] ?? []);
    const key = keys[group[0] ?? -1];
    if (key === undefined || (sizes.get(key) ?? 0) < 2) return [];
    if (group.length > 1 && !group.every((at) => linked.has(at))) return [];
    const inner = around(members.map((box) => rectAround(box, box, 5)));
    if (!inner) return [];
    const rect = { ...inner, top: inner.top - titleHeight };
    const isMixed = others(members[0]?.column ?? 0, rect).some((at) => keys[at] !== key);
    return isMixed ? [] : [{ key, rect }];
  });
}

/** Finds the boxes of a column that overlap a rectangle; without it, frames would take the square of their number. */
function boxesByHeight(boxes: readonly SceneBox[]): (column: number, rect: Rect) => readonly number[] {
  const columns = new Map<number, number[]>();
  for (const [at, { column }] of boxes.entries()) {
    const list = columns.get(column);
    if (list) list.push(at);
    else columns.set(column, [at]);
  }
  const yOf = (at: number | undefined): number => boxes[at ?? -1]?.y ?? 0;
  for (const list of columns.values()) list.sort((a, b) => yOf(a) - yOf(b));
  const reach = greatest(
    boxes.map(({ height }) => height / 2),
    0,
  );
  return (column, rect) => {
    const list = columns.get(column) ?? [];
    let [low, high] = [0, list.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (yOf(list[middle]) < rect.top - reach) low = middle + 1;
      else high = middle;
    }
    const found: number[] = [];
    for (let at = low; at < list.length && yOf(list[at]) <= rect.bottom + reach; at += 1) {
      const box = boxes[list[at] ?? -1];
      if (box && overlaps(rectAround(box, box), rect)) found.push(list[at] ?? -1);
    }
    return found;
  };
}
