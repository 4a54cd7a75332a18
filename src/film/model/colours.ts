// The colours of drawings: those of the page of a film by day (`page.css`).

import type { SceneBox } from "./scene.js";

const fills: Readonly<Record<SceneBox["colour"], string>> = {
  input: "#dcebfa",
  output: "#dcebfa",
  sum: "#fbe3cf",
  elementwise: "#e4f3e0",
  pool: "#ece4f7",
  move: "#eef0f2",
  other: "#fdf3c7",
  block: "#ffffff",
  constant: "#eef0f2",
};

export const drawingColours = {
  ground: "#ffffff",
  text: "#1f2328",
  faint: "#636c76",
  line: "#c3cad2",
  /** Of links, which lie on frames. */
  edge: "#8c959f",
  frame: "#f6f8fa",
  fills,
} as const;
