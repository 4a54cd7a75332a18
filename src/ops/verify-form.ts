// Checks at run time that a module has the parts of its type. TypeScript ensures this for modules of the compiler, but not for those that a
// user's program builds.

import { isDType } from "#ir/type.js";
import type { Module } from "#ir/weights.js";

/** The missing and wrong parts, each as where and what; empty if the module is valid. Never throws. */
export function formProblems(module: Module): string[] {
  const found: string[] = [];
  check(module, { graph, weights }, "the module", (where, expects) =>
    found.push(`${where} is not ${expects}`),
  );
  return found;
}

/** Called with each wrong part. */
type Report = (where: string, expects: string) => void;

/** The kind of a part, or its parts. */
type Expected = Kind | Parts | ((value: unknown, where: string, report: Report) => void);

interface Kind {
  readonly expects: string;
  readonly holds: (value: unknown) => boolean;
}

interface Parts {
  readonly [name: string]: Expected;
}

const text: Kind = { expects: "a text", holds: (value) => typeof value === "string" };
const name: Kind = { expects: "a name", holds: (value) => typeof value === "string" && value !== "" };
const whole: Kind = {
  expects: "a whole number from 0 up",
  holds: (value) => Number.isSafeInteger(value) && Number(value) >= 0,
};
const finite: Kind = { expects: "a number", holds: (value) => Number.isFinite(value) };
const call: Kind = { expects: "a function", holds: (value) => typeof value === "function" };

function maybe(form: Expected): Expected {
  return (value, where, report) => {
    if (value !== undefined) check(value, form, where, report);
  };
}

function list(form: Expected): Expected {
  return (value, where, report) => {
    if (!Array.isArray(value)) report(where, "a list");
    // Holes are elements too.
    else for (let at = 0; at < value.length; at += 1) check(value[at], form, `${where}[${at}]`, report);
  };
}

function mapOf(key: Kind, form: Expected): Expected {
  return (value, where, report) => {
    if (!(value instanceof Map)) return report(where, "a Map");
    for (const [at, one] of value as Map<unknown, unknown>) {
      check(at, key, `the key ${String(at)} of ${where}`, report);
      check(one, form, `${where} at ${String(at)}`, report);
    }
  };
}

const span: Parts = { file: text, start: finite, end: finite };
const type: Parts = {
  dtype: {
    expects: "an element type",
    holds: (value: unknown) => typeof value === "string" && isDType(value),
  },
  shape: list({ expects: "an extent", holds: (value: unknown) => typeof value === "number" }),
};
const node: Parts = {
  id: whole,
  op: name,
  name,
  inputs: list(whole),
  type,
  attributes: {},
  origin: { pass: maybe(text), rule: maybe(text), spans: list(span) },
  position: finite,
  kernel: maybe(name),
};
const plan: Parts = {
  template: name,
  fusion: maybe(text),
  rows: whole,
  pixels: whole,
  strips: whole,
  winograd: whole,
  savedBytes: finite,
  scratchBytes: finite,
  extraBytes: finite,
  extraMacs: finite,
  extraSeconds: finite,
};
const preprocess: Parts = {
  scale: finite,
  mean: list(finite),
  std: list(finite),
  order: text,
  fit: text,
  crop: finite,
  pad: finite,
  layout: text,
};
const graph: Parts = {
  name,
  nodes: mapOf(whole, node),
  outputs: list({
    name,
    node: whole,
    once: maybe({ expects: "true", holds: (value: unknown) => value === true }),
  }),
  kernels: mapOf(name, plan),
  batch: maybe(name),
  pictures: maybe(mapOf(name, preprocess)),
  labels: maybe(mapOf(name, list(text))),
  nextId: whole,
};
const weights: Parts = {
  // `verify-weights.ts` checks entries, but only those of the graph: a store also has those of other graphs.
  entries: { get: call, has: call },
  add: call,
  read: call,
  readF32: call,
};

function check(value: unknown, form: Expected, where: string, report: Report): void {
  if (typeof form === "function") return form(value, where, report);
  if (isKind(form)) {
    if (!form.holds(value)) report(where, form.expects);
    return;
  }
  if (typeof value !== "object" || value === null) return report(where, "an object");
  for (const [part, inner] of Object.entries(form))
    check(Reflect.get(value, part), inner, `${part} of ${where}`, report);
}

function isKind(form: Kind | Parts): form is Kind {
  return typeof form["holds"] === "function" && typeof form["expects"] === "string";
}
