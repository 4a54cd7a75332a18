// The optional package `sharp`, which decodes images and writes PNG files: with its binaries it is as large as everything else together.

import type { Result } from "#diagnostic/diagnostic.js";
import { error } from "#diagnostic/diagnostic.js";

export type Sharp = typeof import("sharp").default;

/** How the package is loaded; a test of a machine without it loads otherwise. */
export const sharpPackage: { load: () => Promise<{ readonly default: Sharp }> } = {
  load: () => import("sharp"),
};

/** The package, loaded at its first use, since it takes 20 MB of memory; a diagnostic if it is not there. `use` is what it is for. */
export async function loadSharp(use: string): Promise<Result<Sharp>> {
  try {
    const { default: sharp } = await sharpPackage.load();
    return { value: sharp, diagnostics: [] };
  } catch (cause) {
    const isMissing = (cause as { code?: unknown } | null)?.code === "ERR_MODULE_NOT_FOUND";
    // Its own message names the platform, and goes on with advice.
    const [why = ""] = (cause instanceof Error ? cause.message : String(cause)).trim().split("\n");
    return {
      diagnostics: [
        error(
          "missing-package",
          isMissing ? `${use} takes the package sharp, which is not installed` : `${use} takes sharp: ${why}`,
          { help: ["npm install sharp (with -g, if cleave is installed so)"] },
        ),
      ],
    };
  }
}
