// Layouts: boxes do not overlap, links go down, chains are straight, tall graphs break into columns.

import { describe, expect, test } from "vitest";
import { blocksOf } from "#film/model/blocks.js";
import { inColumns } from "#film/model/columns.js";
import type { Layout, Link } from "#film/model/layout.js";
import { layoutOf } from "#film/model/layout.js";
import { seededRandom } from "#ops/random.js";

const gaps = { across: 20, down: 30 };

/** A graph as nets have them: mostly chains, with branches that meet again and links that skip. */
function randomGraph(
  count: number,
  seed: number,
): { boxes: { width: number; height: number }[]; links: Link[] } {
  const random = seededRandom(seed);
  const boxes = Array.from({ length: count }, () => ({
    width: 80 + random.int(0, 120),
    height: 30 + random.int(0, 40),
  }));
  const links: Link[] = [];
  for (let to = 1; to < count; to += 1) {
    links.push([Math.max(0, to - random.pick([1, 1, 1, 2, 3])), to]);
    if (random.int(0, 3) === 0) links.push([random.int(0, to - 1), to]);
  }
  return { boxes, links };
}

function overlaps({ boxes, places }: Layout): number {
  let count = 0;
  for (const [a, one] of places.entries()) {
    for (const [b, other] of places.entries()) {
      if (b <= a) continue;
      const across = Math.abs(one.x - other.x) < (boxes[a]!.width + boxes[b]!.width) / 2 - 1e-6;
      const down = Math.abs(one.y - other.y) < (boxes[a]!.height + boxes[b]!.height) / 2 - 1e-6;
      if (across && down) count += 1;
    }
  }
  return count;
}

test.each([1, 2, 3, 4, 5, 6, 7, 8])("random graph %i: no overlaps, and all links go down", (seed) => {
  const { boxes, links } = randomGraph(120, seed);
  const layout = layoutOf(boxes, links, gaps);
  expect(overlaps(layout)).toBe(0);
  for (const [at, [from, to]] of links.entries()) {
    const route = layout.routes[at]!;
    expect(layout.places[from]!.y).toBeLessThan(layout.places[to]!.y);
    expect(route[0]!.y).toBeCloseTo(layout.places[from]!.y + boxes[from]!.height / 2);
    expect(route.at(-1)!.y).toBeCloseTo(layout.places[to]!.y - boxes[to]!.height / 2);
    const heights = route.map(({ y }) => y);
    expect(heights).toEqual(heights.toSorted((a, b) => a - b));
  }
  for (const [box, { x }] of layout.places.entries()) {
    expect(x - boxes[box]!.width / 2).toBeGreaterThanOrEqual(-1e-6);
    expect(x + boxes[box]!.width / 2).toBeLessThanOrEqual(layout.width + 1e-6);
  }
});

test("a chain is straight, and four branches that meet again stand side by side", () => {
  const boxes = Array.from({ length: 8 }, () => ({ width: 100, height: 40 }));
  const links: Link[] = [
    [0, 1],
    [1, 2],
    [1, 3],
    [1, 4],
    [1, 5],
    [2, 6],
    [3, 6],
    [4, 6],
    [5, 6],
    [6, 7],
  ];
  const { places, width } = layoutOf(boxes, links, gaps);
  expect(new Set([0, 1, 6, 7].map((box) => Math.round(places[box]!.x))).size).toBe(1);
  expect(new Set([2, 3, 4, 5].map((box) => places[box]!.y)).size).toBe(1);
  expect(width).toBe(4 * 100 + 3 * 20);
});

test("the least crossings: two pairs that would cross are exchanged", () => {
  const boxes = Array.from({ length: 4 }, () => ({ width: 50, height: 20 }));
  const { places } = layoutOf(
    boxes,
    [
      [0, 3],
      [1, 2],
    ],
    gaps,
  );
  expect(Math.sign(places[0]!.x - places[1]!.x)).toBe(Math.sign(places[3]!.x - places[2]!.x));
});

test("a cycle has a layout too", () => {
  const boxes = Array.from({ length: 3 }, () => ({ width: 50, height: 20 }));
  const layout = layoutOf(
    boxes,
    [
      [0, 1],
      [1, 2],
      [2, 0],
    ],
    gaps,
  );
  expect(overlaps(layout)).toBe(0);
  expect(layout.routes).toHaveLength(3);
});

test("nothing has a layout", () => {
  expect(layoutOf([], [], gaps)).toMatchObject({ width: 0, height: 0, places: [] });
});

describe("columns", () => {
  const count = 200;
  const boxes = Array.from({ length: count }, () => ({ width: 120, height: 40 }));
  const links = Array.from({ length: count - 1 }, (_, at): Link => [at, at + 1]);
  const tall = layoutOf(boxes, links, gaps);

  test("fill a screen of the aspect, and hold all boxes", () => {
    const broken = inColumns(tall, links, { aspect: 1.5, isHead: () => false, isLit: () => false });
    expect(broken.heads.length).toBeGreaterThan(4);
    expect(broken.width / broken.height).toBeGreaterThan(0.9);
    expect(broken.width / broken.height).toBeLessThan(2.5);
    expect(overlaps(broken)).toBe(0);
    for (const { x, y } of broken.places) {
      expect(x).toBeGreaterThan(0);
      expect(x).toBeLessThan(broken.width);
      expect(y).toBeLessThan(broken.height);
    }
    // The links to the next column begin and end at their boxes.
    for (const [at, [from, to]] of links.entries()) {
      expect(broken.routes[at]![0]!.x).toBeCloseTo(broken.places[from]!.x);
      expect(broken.routes[at]!.at(-1)!.x).toBeCloseTo(broken.places[to]!.x);
    }
  });

  test("begin where they began before, if that is near", () => {
    const first = inColumns(tall, links, { aspect: 1.5, isHead: () => false, isLit: () => false });
    const wished = new Set(first.heads.map((head) => head + 2));
    const second = inColumns(tall, links, {
      aspect: 1.5,
      isHead: (box) => wished.has(box),
      isLit: () => false,
    });
    expect(second.heads.filter((head) => wished.has(head)).length).toBeGreaterThan(first.heads.length / 2);
  });

  test("are not made of a graph that fits", () => {
    const few = layoutOf(boxes.slice(0, 4), links.slice(0, 3), gaps);
    expect(
      inColumns(few, links.slice(0, 3), { aspect: 1.5, isHead: () => false, isLit: () => false }).heads,
    ).toEqual([]);
  });
});

test("blocks by the paths in names; a number belongs to the name before it", () => {
  const names = [
    "image",
    "x",
    "x.batch_norm",
    "x.2.d.conv",
    "x.2.d",
    "x.2",
    "x.10.d",
    "x.10",
    "/layer1/conv1/Conv",
    "/layer1/Relu",
  ];
  const nodes = names.map((name, id) => ({ id, name, op: "relu", attributes: [] }));
  const { byPath, ofNode } = blocksOf(nodes as unknown as Parameters<typeof blocksOf>[0]);
  expect([...byPath.keys()].sort()).toEqual(["/layer1", "x", "x.10", "x.2", "x.2.d"]);
  expect(byPath.get("x.2.d")!.parent!.path).toBe("x.2");
  expect(byPath.get("x")!.nodes).toEqual([1, 2]);
  expect(ofNode.get(3)!.path).toBe("x.2.d");
  expect(ofNode.get(0)).toBeUndefined();
});

test("a block around most of the net is a wrapper of its blocks", () => {
  const names = ["image", "net.a.x", "net.a.y", "net.b.x", "net.b.y", "scores"];
  const nodes = names.map((name, id) => ({ id, name, op: "relu", attributes: [] }));
  const { byPath } = blocksOf(nodes as unknown as Parameters<typeof blocksOf>[0]);
  expect([...byPath.values()].filter(({ isWrapper }) => isWrapper).map(({ path }) => path)).toEqual(["net"]);
});
