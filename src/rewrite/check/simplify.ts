// The steps by which a sample becomes simpler: smaller extents, fewer axes, attributes with their defaults, simple numbers.

import type { AttributeValue, NodeId } from "#ir/graph.js";
import { elements, isInteger } from "#ir/type.js";
import type { Shape } from "#ir/type.js";
import { opOf } from "#ops/index.js";
import type { Attributes } from "#ops/op.js";
import type { Leaf, Part, Sketch } from "./sketch.js";

/** Changes a sketch; undefined where it has nothing to change. */
export type Step = (sketch: Sketch) => Sketch | undefined;

/** The steps to try, in groups: after a group, the next one is made for the sketch that the group led to. */
export const stepGroups: readonly ((sketch: Sketch) => Step[])[] = [
  extentSteps,
  rankSteps,
  attributeSteps,
  valueSteps,
];

/** Those that keep the cost of an op. */
export const costGroups: typeof stepGroups = [valueSteps];

/** One axis of a leaf that is longer than 1. */
interface Axis {
  readonly id: NodeId;
  readonly axis: number;
  readonly extent: number;
}

/** First all equal extents together, also those in attributes; then each axis alone, and with one other. */
function extentSteps(sketch: Sketch): Step[] {
  const axes = leavesOf(sketch).flatMap(([id, { type }]) =>
    type.shape.flatMap((extent, axis): Axis[] => (extent > 1 ? [{ id, axis, extent }] : [])),
  );
  const extents = [...new Set(axes.map(({ extent }) => extent))].toSorted((a, b) => b - a);
  const together = extents.flatMap((extent) =>
    shorter(extent).flatMap((to) => {
      const all = axes.filter((one) => one.extent === extent);
      return ends.flatMap((end): Step[] => [
        (now) => setExtents(now, all, to, { end, inLists: extent }),
        (now) => setExtents(now, all, to, { end }),
      ]);
    }),
  );
  const alone = axes.flatMap((one) =>
    shorter(one.extent).flatMap((to) =>
      ends.map(
        (end): Step =>
          (now) =>
            setExtents(now, [one], to, { end }),
      ),
    ),
  );
  const pairs = axes.flatMap((one, at) =>
    axes.slice(at + 1).flatMap((other) =>
      shorter(one.extent).flatMap((to) =>
        shorter(other.extent).map((toOther): Step => (now) => {
          const first = setExtents(now, [one], to);
          return first && setExtents(first, [other], toOther);
        }),
      ),
    ),
  );
  const lists = listsOf(sketch).flatMap(({ id, key, value }) =>
    value.flatMap((item, index) =>
      shorter(item).flatMap((to) =>
        axes.flatMap((one) =>
          shorter(one.extent).map((toOther): Step => (now) => {
            const first = setExtents(now, [one], toOther);
            return first && setAttribute(first, id, key, value.with(index, to));
          }),
        ),
      ),
    ),
  );
  return [...together, ...alone, ...pairs.slice(0, mostPairs), ...lists.slice(0, mostPairs)];
}

/** The end of an axis whose elements stay. */
type End = "first" | "last";

const ends: readonly End[] = ["first", "last"];

/** The most steps that change two places at once. */
const mostPairs = 200;

function shorter(extent: number): number[] {
  return [...new Set([1, 2, Math.ceil(extent / 2), extent - 1])].filter((to) => to >= 1 && to < extent);
}

/** Without leading axes of extent 1: of all leaves together, then of each alone. */
function rankSteps(sketch: Sketch): Step[] {
  const leaves = leavesOf(sketch);
  const most = leaves.reduce((rank, [, { type }]) => Math.max(rank, type.shape.length), 0);
  const all = leaves.filter(([, { type }]) => type.shape.length === most).map(([id]) => id);
  return [
    ...Array.from({ length: most }, (): Step => (now) => dropAxes(now, all)),
    ...leaves.flatMap(([id, { type }]) => type.shape.map((): Step => (now) => dropAxes(now, [id]))),
  ];
}

function dropAxes(sketch: Sketch, ids: readonly NodeId[]): Sketch | undefined {
  let next: Sketch | undefined = sketch;
  for (const id of ids) {
    const part: Part | undefined = next?.parts.get(id);
    if (!next || part?.kind !== "leaf" || part.type.shape[0] !== 1) return undefined;
    next = withPart(next, id, { ...part, type: { ...part.type, shape: part.type.shape.slice(1) } });
  }
  return next;
}

/** Each attribute alone, then two of one op at once: a smaller window may need less padding. */
function attributeSteps(sketch: Sketch): Step[] {
  return [...sketch.parts].flatMap(([id, part]) => {
    if (part.kind === "leaf") return [];
    const changes = Object.entries(part.attributes).flatMap(([key, value]) =>
      simplerValues(value, opOf(part.node.op).attributes[key]?.default).map((to) => ({ key, to })),
    );
    const alone = changes.map(
      ({ key, to }): Step =>
        (now) =>
          setAttribute(now, id, key, to),
    );
    const pairs = changes.flatMap((one, at) =>
      changes.slice(at + 1).flatMap((other): Step[] => {
        if (other.key === one.key) return [];
        return [
          (now) => {
            const first = setAttribute(now, id, one.key, one.to);
            return first && setAttribute(first, id, other.key, other.to);
          },
        ];
      }),
    );
    return [...alone, ...pairs.slice(0, mostPairs)];
  });
}

function simplerValues(value: AttributeValue, normal: AttributeValue | undefined): AttributeValue[] {
  const first = normal === undefined ? [] : [normal];
  if (typeof value === "number") return [...first, ...simplerNumbers(value, false)];
  if (typeof value !== "object") return first;
  return [
    ...first,
    [-1],
    [value.reduce((product, item) => product * item, 1)],
    ...[0, 1].map((to) => value.map(() => to)),
    ...value.flatMap((item, at) =>
      [0, 1, ...shorter(item)].filter((to) => to < item).map((to) => value.with(at, to)),
    ),
  ];
}

/** Zeros for whole operands, halves and quarters of them, for half of what is left again and again, then a simpler number for each element. */
function valueSteps(sketch: Sketch): Step[] {
  return leavesOf(sketch).flatMap(([id, leaf]) => {
    const { data, type } = leaf;
    const positive = isPositive(sketch, id);
    const set =
      (change: (value: number, index: number) => number): Step =>
      (now) =>
        changeValues(now, id, change);
    const plain = positive ? 1 : 0;
    const chunks = data.length <= 1 ? [] : [2, 4, 8, 16].filter((count) => count < data.length);
    const whole = [0, 1, 2].filter((to) => to > 0 || !positive).map((to) => set(() => to));
    const parts = chunks.flatMap((count) =>
      Array.from({ length: count }, (_, chunk) =>
        set((value, index) => (Math.floor((index * count) / data.length) === chunk ? plain : value)),
      ),
    );
    // The parts of a small operand are its elements.
    const halvings = data.length > 16 ? Math.ceil(Math.log2(data.length)) : 0;
    const left = Array.from({ length: halvings }).flatMap(() =>
      ends.map(
        (end): Step =>
          (now) =>
            withHalf(now, id, plain, end),
      ),
    );
    const rounded = isInteger(type.dtype)
      ? []
      : [1, 2].map((digits) => set((value) => roundTo(value, digits)));
    const others =
      data.length > mostSingle
        ? [...data.entries()].filter(([, value]) => value !== plain)
        : [...data.entries()];
    const single =
      others.length > mostSingle
        ? []
        : others.flatMap(([at, value]) =>
            simplerNumbers(value, isInteger(type.dtype))
              .filter((to) => to > 0 || !positive)
              .map((to) => set((one, index) => (index === at ? to : one))),
          );
    return [...whole, ...parts, ...left, ...rounded, ...single];
  });
}

/** Lets one half of the elements that are not plain keep their values: the first ones or the last ones. */
function withHalf(sketch: Sketch, id: NodeId, plain: number, end: End): Sketch | undefined {
  const part = sketch.parts.get(id);
  if (part?.kind !== "leaf") return undefined;
  const others = [...part.data.keys()].filter((index) => !Object.is(part.data[index], plain));
  if (others.length < 2) return undefined;
  const half = Math.ceil(others.length / 2);
  const dropped = new Set(end === "first" ? others.slice(half) : others.slice(0, half));
  return changeValues(sketch, id, (value, index) => (dropped.has(index) ? plain : value));
}

/** The most elements of an operand of which each is made simpler. */
const mostSingle = 64;

function simplerNumbers(value: number, isWhole: boolean): number[] {
  const candidates = [
    0,
    1,
    -1,
    2,
    ...(isWhole ? [] : [0.5]),
    Math.trunc(value),
    Math.trunc(value / 10),
    ...(isWhole ? [] : [1, 2, 3].map((digits) => roundTo(value, digits))),
  ];
  return [...new Set(candidates)].filter((to) => to !== value);
}

function roundTo(value: number, digits: number): number {
  return Number.isFinite(value) ? Math.fround(Number(value.toPrecision(digits))) : value;
}

/** Whether an op needs positive values of a leaf, such as a variance. */
function isPositive({ parts }: Sketch, id: NodeId): boolean {
  return [...parts.values()].some(({ node }) =>
    node.inputs.some((input, at) => input === id && opOf(node.op).operands[at]?.positive === true),
  );
}

function leavesOf({ parts }: Sketch): (readonly [NodeId, Leaf])[] {
  return [...parts].flatMap(([id, part]) => (part.kind === "leaf" ? [[id, part] as const] : []));
}

/** The lists of numbers among the attributes. */
function listsOf({
  parts,
}: Sketch): { readonly id: NodeId; readonly key: string; readonly value: readonly number[] }[] {
  return [...parts].flatMap(([id, part]) =>
    part.kind === "leaf"
      ? []
      : Object.entries(part.attributes).flatMap(([key, value]) =>
          typeof value === "object" ? [{ id, key, value }] : [],
        ),
  );
}

function withPart(sketch: Sketch, id: NodeId, part: Part): Sketch {
  return { ...sketch, parts: new Map(sketch.parts).set(id, part) };
}

function setAttribute(sketch: Sketch, id: NodeId, key: string, value: AttributeValue): Sketch | undefined {
  const part = sketch.parts.get(id);
  if (part?.kind !== "op") return undefined;
  const attributes: Attributes = { ...part.attributes, [key]: value };
  return withPart(sketch, id, { ...part, attributes });
}

/** Sets the extents of axes that still have theirs; with `inLists`, also the items of lists that are that extent. */
function setExtents(
  sketch: Sketch,
  axes: readonly Axis[],
  to: number,
  { end = "first", inLists }: { readonly end?: End; readonly inLists?: number } = {},
): Sketch | undefined {
  let next = sketch;
  for (const { id, axis, extent } of axes) {
    const part = next.parts.get(id);
    if (part?.kind !== "leaf" || part.type.shape[axis] !== extent) return undefined;
    next = withPart(next, id, cropped(part, part.type.shape.with(axis, to), end));
  }
  if (inLists === undefined) return next;
  const lists = listsOf(next).filter(({ value }) => value.includes(inLists));
  if (lists.length === 0) return undefined;
  for (const { id, key, value } of lists)
    next =
      setAttribute(
        next,
        id,
        key,
        value.map((item) => (item === inLists ? to : item)),
      ) ?? next;
  return next;
}

/** The first or the last elements along each axis. */
function cropped({ type, data, ...leaf }: Leaf, shape: Shape, end: End): Leaf {
  const kept = new Float64Array(elements(shape));
  for (const index of kept.keys()) {
    let rest = index;
    let from = 0;
    let stride = 1;
    for (let axis = shape.length - 1; axis >= 0; axis -= 1) {
      const extent = shape[axis] ?? 1;
      const before = type.shape[axis] ?? 1;
      from += ((rest % extent) + (end === "first" ? 0 : before - extent)) * stride;
      rest = Math.floor(rest / extent);
      stride *= before;
    }
    kept[index] = data[from] ?? 0;
  }
  return { ...leaf, type: { ...type, shape }, data: kept };
}

function changeValues(
  sketch: Sketch,
  id: NodeId,
  change: (value: number, index: number) => number,
): Sketch | undefined {
  const part = sketch.parts.get(id);
  if (part?.kind !== "leaf") return undefined;
  return withPart(sketch, id, { ...part, data: part.data.map(change) });
}
