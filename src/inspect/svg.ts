// A graph as SVG, laid out by Graphviz (compiled to WebAssembly, so nothing has to be installed).

import { renderGraphFromSource } from "graphviz-cli";
import type { Result } from "#diagnostic/diagnostic.js";
import { error } from "#diagnostic/diagnostic.js";
import type { Module } from "#ir/weights.js";
import { graphDot } from "./dot.js";

/** Above this many nodes the layout takes many seconds (5,000 take about 25). */
const svgNodeLimit = 2000;

/** The picture of a graph, or a diagnostic if it is too large to draw. */
export async function graphSvg(module: Module): Promise<Result<string>> {
  const drawn = [...module.graph.nodes.values()].filter((node) => node.op !== "constant").length;
  if (drawn > svgNodeLimit) {
    return {
      diagnostics: [
        error("graph-too-large", `the graph has ${drawn} nodes; pictures are drawn up to ${svgNodeLimit}`, {
          help: ["write DOT instead (`--format dot`) and draw a part of it"],
        }),
      ],
    };
  }
  return {
    value: await renderGraphFromSource({ input: graphDot(module) }, { format: "svg" }),
    diagnostics: [],
  };
}
