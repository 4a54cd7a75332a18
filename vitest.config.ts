import { defineConfig } from "vitest/config";

export default defineConfig({
  resolve: { conditions: ["cleave-source"] },
  ssr: { resolve: { conditions: ["cleave-source"] } },
  test: {
    include: ["test/**/*.test.ts"],
    testTimeout: 60_000,
  },
});
