import { tmpdir } from "node:os";
import { join } from "node:path";
import { defineConfig } from "vitest/config";

export default defineConfig({
  resolve: { conditions: ["cleave-source"] },
  ssr: { resolve: { conditions: ["cleave-source"] } },
  test: {
    include: ["test/**/*.test.ts"],
    testTimeout: 60_000,
    // Checkpoints of tests that were ended are nobody's.
    env: { XDG_CACHE_HOME: join(tmpdir(), `cleave-cache-${process.pid}`) },
  },
});
