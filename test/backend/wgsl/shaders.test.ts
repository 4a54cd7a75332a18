// Kernels of small nets as WGSL text.

import { printShaders } from "#backend/wgsl/emit.js";
import { wgslTarget } from "#backend/wgsl/target.js";
import type { Tile } from "#kernel/part/tile.js";
import { fuse } from "#passes/fuse.js";
import { cases } from "../../cases.js";
import { moduleOf } from "../../schedule/module-of.js";
import { smallTile, wgslProgram } from "./programs.js";

/** What a case may set in braces: parts of the tile, and which shader is meant if there are several. */
interface Options extends Partial<Tile> {
  readonly shader?: string;
}

cases(import.meta.dirname, "shaders.txt", (input, { options }) => {
  const { shader, ...tile } = options as Options;
  const context = { target: wgslTarget, options: {}, report: () => {} };
  const program = wgslProgram(fuse.run(moduleOf(input), context), { ...smallTile, ...tile });
  const { shaders, launches, subgroups } = printShaders(program);
  const launchesOf = (at: number): string =>
    [...launches, ...subgroups]
      .filter((launch) => launch !== undefined)
      .filter((launch) => launch.shader === at)
      .map(({ workgroups, uniforms }) => `${workgroups.join(" x ")} with ${uniforms.join(", ")}`)
      .join("; ");
  return shaders
    .flatMap(({ name, text }, at) =>
      shader === undefined || name === shader ? [`${name}: ${launchesOf(at)}\n${text}`] : [],
    )
    .join("\n");
});
