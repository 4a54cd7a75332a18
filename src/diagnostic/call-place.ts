// The place in the caller's program where an error was thrown, or a function was called, as file, line and column.

/** The place where an error was thrown: the first frame of its stack, such as `model.mjs:12:9`; undefined if it has none. */
export function placeOf(thrown: unknown): string | undefined {
  const stack = thrown instanceof Error ? thrown.stack : undefined;
  // V8 begins with the message; Firefox and Safari write frames as `name@address:line:column`.
  const frame = stack?.split("\n").find((line) => /:\d+:\d+\)?$/.test(line));
  const [, place] = /(?:[@(]|at )?([^@(\s][^@(]*:\d+:\d+)\)?$/.exec(frame?.trim() ?? "") ?? [];
  return place?.replace(/^at /, "").replace(/^(?:async )?(?:file:\/\/)?/, "");
}
/** The place that called `callee`, a function that is running now; undefined if the engine does not tell it. */
export function placeOfCall(callee: (...of: never) => unknown): string | undefined {
  const { captureStackTrace } = Error as { captureStackTrace?: (error: Error, below: unknown) => void };
  if (!captureStackTrace) return undefined;
  const here = new Error("here");
  captureStackTrace(here, callee);
  return placeOf(here);
}
