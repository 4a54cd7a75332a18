// Selections with one item per row: the largest elements, by a heap, and boxes that do not overlap. The kernels read their results again.

import { channels, elements } from "#ir/type.js";
import type { Int } from "../ir/expressions.js";
import {
  address,
  addInt,
  binary,
  both,
  choose,
  compare,
  f32,
  i32,
  int,
  load,
  mulInt,
  unary,
} from "../ir/expressions.js";
import type { Body } from "../ir/body.js";
import type { Value } from "../ir/ir.js";
import type { Build } from "../part/operands.js";
import { reads, vectors } from "../part/operands.js";
import { placeReader } from "../part/places.js";
import { flatItems, teamBlocks } from "../part/team.js";
import type { Form } from "../part/emitter.js";
import type { Context } from "./context.js";
import { portsOf, sourceOf, stageOf } from "./context.js";

/** a < b, and the like, of floats. */
const compareFloats = (fn: "lt" | "le" | "eq", a: Value, b: Value): Value => ({
  kind: "compare",
  type: "bool",
  fn,
  a,
  b,
});
const either = (a: Value, b: Value): Value => ({ kind: "logic", type: "bool", fn: "or", a, b });
const asFloat = (x: Int): Value => ({ kind: "to_f32", type: "f32", x: i32(x) });
const asInt = (x: Value): Value => ({ kind: "to_i32", type: "i32", x });

/** One item for each last-axis vector of the result. */
const rowBodies: Readonly<Record<Form, (k: Build, rows: number, write: (row: Int) => void) => Body>> = {
  cpu: (k, rows, write) => ({ blocks: rows, write: (block) => k.items(["one"], [1], () => write(block)) }),
  gpu: (k, rows, write) => ({
    blocks: teamBlocks(k, rows),
    write: (block) => flatItems(k, block, rows, write),
  }),
};

/** A place of a row with the key that it is ordered by. */
interface Ranked {
  readonly place: Value;
  readonly key: Value;
}

/** Whether a comes after b: because of a smaller key, or a later place with the same key. */
function isBehind(a: Ranked, b: Ranked): Value {
  const isLater = both(compareFloats("eq", a.key, b.key), compareFloats("lt", b.place, a.place));
  return either(compareFloats("lt", a.key, b.key), isLater);
}

/**
 * The places of the k best elements. The result holds them as a heap whose root is the worst of them, so n elements take n comparisons, and
 * each better element is moved down the heap. At the end, the heap is emptied from its last place (Williams 1964).
 */
export function topKBody(c: Context): Body {
  const { k } = c;
  const { x, y } = portsOf(c, "read_write");
  const { k: count, largest } = stageOf(c, 0, "top_k").node.attributes;
  const extent = x.shape.at(-1) ?? 1;
  const depth = Math.floor(Math.log2(count));
  return rowBodies[c.form](k, vectors(x.shape), (row) => {
    const from = k.letInt("p", mulInt(row, x.stride));
    const to = k.letInt("q", mulInt(row, y.stride));
    const keyAt = (at: Int): Value => {
      const value = k.let("v", load(x.place, address(addInt(from, at))));
      const key = largest ? value : unary("neg", value);
      return k.let(
        "key",
        choose("eq", { a: value, b: value, then: key, otherwise: f32(Number.NEGATIVE_INFINITY) }),
      );
    };
    const slot = (at: Int) => address(addInt(to, at));
    const rankedIn = (at: Int): Ranked => {
      const place = k.let("place", load(y.place, slot(at)));
      return { place, key: keyAt(asInt(place)) };
    };
    /** Moves the element at a place down the heap of `size` to its position. */
    const sink = (start: Int, size: Int): void => {
      const own = rankedIn(start);
      const hole = k.let("hole", i32(start));
      k.for("level", depth, () => {
        const left = k.letInt("left", addInt(mulInt(hole, 2), 1));
        k.guard(compare("lt", left, size), () => {
          const right = k.letInt("right", int("min", addInt(left, 1), addInt(size, -1)));
          const [a, b] = [rankedIn(left), rankedIn(right)];
          const last = k.let("last", i32(left));
          const place = k.let("child", a.place);
          const key = k.let("childKey", a.key);
          k.guard(isBehind(b, a), () => {
            k.set(last, i32(right));
            k.set(place, b.place);
            k.set(key, b.key);
          });
          k.guard(isBehind({ place, key }, own), () => {
            k.store(y.place, slot(hole), place);
            k.set(hole, last);
          });
        });
      });
      k.store(y.place, slot(hole), own.place);
    };
    k.for("i", count, (i) => k.store(y.place, slot(i), asFloat(i)));
    const half = Math.floor(count / 2);
    k.for("i", half, (i) => sink(k.letInt("start", int("sub", half - 1, i)), count));
    const worst = k.let("worst", rankedIn(0).key);
    k.for("j", extent - count, (j) => {
      const at = k.letInt("at", addInt(j, count));
      const key = keyAt(at);
      k.guard(compareFloats("lt", worst, key), () => {
        k.store(y.place, slot(0), asFloat(at));
        sink(0, count);
        k.set(worst, rankedIn(0).key);
      });
    });
    k.for("e", count - 1, (e) => {
      const end = k.letInt("end", int("sub", count - 1, e));
      const root = k.let("root", load(y.place, slot(0)));
      k.store(y.place, slot(0), load(y.place, slot(end)));
      k.store(y.place, slot(end), root);
      sink(0, end);
    });
  });
}

/** Compares each box, in order, with those that were taken; the result holds the places of the taken boxes. */
export function suppressionBody(c: Context): Body {
  const { k, schedule } = c;
  const { x: boxes, y } = portsOf(c, "read_write");
  const { node, stage } = stageOf(c, 0, "non_max_suppression");
  const { limit, overlap, score, at_equal: atEqual, centered } = node.attributes;
  const scores = reads(k, "s", sourceOf(stage, 1));
  const source = sourceOf(stage, 2);
  const count = channels((source.kind === "weight" ? source.type : source.view.type).shape);
  const shape = [elements(y.shape.slice(0, 2)), count];
  const orderAt = placeReader(k, schedule.weights, source, channels(scores.shape), shape);
  const [, classes = 1, total = 1] = scores.shape;
  return rowBodies[c.form](k, vectors(y.shape), (row) => {
    const to = k.letInt("q", mulInt(row, y.stride));
    const scoresFrom = k.letInt("s", mulInt(row, scores.stride));
    const boxesFrom = k.letInt("b", mulInt(int("div", row, classes), total));
    const boxAt = (place: Int) => {
      const start = k.letInt("start", mulInt(addInt(boxesFrom, place), boxes.stride));
      const [a, b, c, d] = [0, 1, 2, 3].map((at) => k.let("side", load(boxes.place, address(start, at))));
      return sidesOf(k, [a, b, c, d] as readonly Value[], centered);
    };
    k.for("i", limit, (i) => k.store(y.place, address(addInt(to, i)), f32(-1)));
    const taken = k.let("taken", i32(0));
    k.for("j", count, (j) => {
      const place = k.letInt("place", orderAt([row, j]));
      const own = load(scores.place, address(addInt(scoresFrom, place)));
      k.guard(both(compare("lt", taken, limit), compareFloats("lt", f32(score), own)), () => {
        const box = boxAt(place);
        const free = k.let("free", i32(1));
        k.for("i", limit, (i) =>
          k.guard(both(compare("lt", i, taken), compare("eq", free, 1)), () => {
            const at = k.letInt("other", asInt(load(y.place, address(addInt(to, i)))));
            const other = boxAt(at);
            const shared = k.let("shared", overlapOf(k, box, other));
            const isOver = atEqual
              ? compareFloats("le", f32(overlap), shared)
              : compareFloats("lt", f32(overlap), shared);
            k.guard(either(compare("eq", place, at), isOver), () => k.set(free, i32(0)));
          }),
        );
        k.guard(compare("eq", free, 1), () => {
          k.store(y.place, address(addInt(to, taken)), asFloat(place));
          k.step(taken, 1);
        });
      });
    });
  });
}

interface Sides {
  readonly low: readonly [Value, Value];
  readonly high: readonly [Value, Value];
  readonly area: Value;
}

/** The least and greatest coordinate along both axes, and the area. */
function sidesOf(k: Build, given: readonly Value[], centered: boolean): Sides {
  const [a = f32(0), b = f32(0), c = f32(0), d = f32(0)] = given;
  const half = (x: Value): Value => binary("mul", x, f32(0.5));
  const along = (first: Value, second: Value): readonly [Value, Value] => {
    const low = centered ? binary("sub", first, half(second)) : binary("min", first, second);
    const high = centered ? binary("add", first, half(second)) : binary("max", first, second);
    return [k.let("low", low), k.let("high", high)];
  };
  const [one, other] = [along(a, c), along(b, d)];
  const area = binary("mul", binary("sub", one[1], one[0]), binary("sub", other[1], other[0]));
  return { low: [one[0], other[0]], high: [one[1], other[1]], area: k.let("area", area) };
}

function overlapOf(k: Build, a: Sides, b: Sides): Value {
  const along = (axis: 0 | 1): Value =>
    binary(
      "max",
      binary("sub", binary("min", a.high[axis], b.high[axis]), binary("max", a.low[axis], b.low[axis])),
      f32(0),
    );
  const shared = k.let("both", binary("mul", along(0), along(1)));
  const union = binary("sub", binary("add", a.area, b.area), shared);
  return choose("lt", { a: f32(0), b: shared, then: binary("div", shared, union), otherwise: f32(0) });
}
