// The settings that an editor passes to the server.

export interface Settings {
  /** Values of symbolic dimensions and of consts, as `--dim` gives them. */
  readonly dims?: ReadonlyMap<string, number>;
  /** Whether rules are tried on operands; by default they are. */
  readonly checkRules?: boolean;
}

/** Reads settings, `{ dims: { H: 224 }, checkRules: false }`. What is not understood is ignored: editors send settings of other versions. */
export function readSettings(given: unknown): Settings {
  if (typeof given !== "object" || given === null) return {};
  const { dims, checkRules } = given as { readonly dims?: unknown; readonly checkRules?: unknown };
  const entries =
    typeof dims === "object" && dims !== null
      ? Object.entries(dims).filter((one): one is [string, number] => Number.isFinite(one[1]))
      : [];
  return {
    ...(entries.length > 0 && { dims: new Map(entries) }),
    ...(typeof checkRules === "boolean" && { checkRules }),
  };
}
