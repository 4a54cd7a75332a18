// Names at the top level of emitted modules, which a kernel must not use.

import { runtimeTexts } from "#runtime/text.js";

/** The functions and constants of the runtime, those of the module itself, and globals that the runtime uses. */
export function runtimeNames(): string[] {
  const declared = Object.values(runtimeTexts).flatMap((text) =>
    [...text.matchAll(/^(?:async )?(?:function\*?|const) ([\w$]+)/gm)].flatMap((match) => match[1] ?? []),
  );
  return [
    ...declared,
    "load",
    "model",
    "launches",
    "table",
    "embedded",
    "pictures",
    "classifier",
    ...globals,
  ];
}

const globals = (
  "Array ArrayBuffer DataView Error Float32Array Float64Array Int32Array JSON Math Number Object Promise TextDecoder " +
  "RangeError TypeError URL Uint8Array Uint8ClampedArray atob fetch globalThis performance process"
).split(" ");
