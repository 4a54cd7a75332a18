// How many samples tests draw: one knob for all counts.

/** `SCALE` in the environment, 1 by default: counts at 1 are those that a run in CI needs, at 4 those of a long night. */
export const scale = Number(process.env["SCALE"] ?? 1);
if (!(scale > 0 && Number.isFinite(scale)))
  throw new Error(`SCALE is ${process.env["SCALE"]}; it must be a positive number`);

/** The part of the counts of tests that a run in CI has time for. */
const share = 0.5;

/** So many samples at the scale of this run, at least one. */
export const scaled = (count: number): number => Math.max(1, Math.round(count * share * scale));

/** The numbers from 0 below so many at the scale of this run: a seed each. */
export const seedsFor = (count: number): number[] => Array.from({ length: scaled(count) }, (_, seed) => seed);
