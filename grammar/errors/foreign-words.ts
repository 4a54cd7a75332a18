// Words that other languages have where this one has none, and what to write instead.

export const importForm = 'names of another file are imported with `import f from "blocks.net"`';

/** Words of other languages, and what to write instead. */
export const foreignWords: ReadonlyMap<string, string> = new Map([
  ["elif", "write `else if` after the `}`"],
  ["elseif", "write `else if` after the `}`"],
  ["def", "a block is written `block f(x, filters) { … return y }`"],
  ["fn", "a block is written `block f(x, filters) { … return y }`"],
  ["func", "a block is written `block f(x, filters) { … return y }`"],
  ["function", "a block is written `block f(x, filters) { … return y }`"],
  ["from", importForm],
  ["include", importForm],
  ["require", importForm],
  ["use", importForm],
  ["using", importForm],
  ["for", "copies are written `repeat 3 as i { … }`"],
  ["while", "copies are written `repeat 3 as i { … }`"],
  ["let", "a binding has no keyword: `x = …`"],
  ["var", "a binding has no keyword: `x = …`"],
  ["val", "a binding has no keyword: `x = …`"],
  ["switch", "write `if a { … } else if b { … }`"],
  ["match", "write `if a { … } else if b { … }`"],
]);
