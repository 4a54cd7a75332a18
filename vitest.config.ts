import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { defineConfig } from "vitest/config";
import { scale } from "./test/scale.js";

/**
 * Tiers that the name of a test file says, as in `execute.gpu.test.ts`; a name without one is of the tier unit. CONTRIBUTING.md says what
 * belongs where, and `test/structure/tiers.test.ts` holds files to it.
 */
export const named = ["property", "gpu", "browser", "package", "bundler"] as const;

/** Files of a tier share modules, since most of their time would go into importing them. */
const project = (name: string, include: string, exclude: string[] = []) => ({
  extends: true as const,
  test: { name, include: [include], exclude: [...exclude, "**/node_modules/**"], isolate: false },
});

export default defineConfig({
  resolve: { conditions: ["cleave-source"] },
  ssr: { resolve: { conditions: ["cleave-source"] } },
  test: {
    testTimeout: 60_000 * Math.max(1, scale),
    hookTimeout: 60_000,
    // One more than cores: tests of browsers and of processes wait for these part of their time.
    maxWorkers: availableParallelism() + 1,
    // Checkpoints of tests that were ended are nobody's.
    env: { XDG_CACHE_HOME: join(tmpdir(), `cleave-cache-${process.pid}`) },
    coverage: {
      provider: "v8",
      include: ["grammar/**/*.ts", "passes/**/*.ts", "src/**/*.ts"],
      // In a folder that git ignores: a page for each file, and the summary that is printed.
      reportsDirectory: "coverage",
      reporter: ["html", "text-summary"],
    },
    projects: [
      ...named.map((tier) => project(tier, `test/**/*.${tier}.test.ts`)),
      project(
        "unit",
        "test/**/*.test.ts",
        named.map((tier) => `test/**/*.${tier}.test.ts`),
      ),
    ],
  },
});
