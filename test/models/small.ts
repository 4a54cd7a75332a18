// The examples at a small size, since the interpreter takes seconds for each billion of multiply-accumulates.

/** The sizes of an example whose constants are others, or for which 32×32 pixels are too few. */
const others: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  "fm_mobile.net": {},
  "fm_resnet16.net": {},
  "seed.net": {},
  "unet.net": { H: 188, W: 188, base: 4 },
};

/** The sizes (`dims` of `readModel`) by which an example is small. */
export const smallDims = (file: string): ReadonlyMap<string, number> =>
  new Map(Object.entries(others[file] ?? { H: 32, W: 32 }));
