// What the page shows now, and the parts of the page that follow it.

import type { NodeId, StepNumber } from "../data.js";
import type { Block } from "../model/blocks.js";
import type { Timeline } from "../model/timeline.js";
import type { Images } from "./images.js";

export type Tab = "steps" | "node" | "source" | "code";

export interface State {
  readonly step: StepNumber;
  /** The step that is shown beside it. */
  readonly against?: StepNumber;
  readonly selected?: NodeId;
  /** The only nodes that stay bright: those that were searched for, or come from a line. */
  readonly lit?: ReadonlySet<NodeId>;
  /** What `lit` shows, in words. */
  readonly litBy?: string;
  /** Blocks that the user folded (true) or opened (false). */
  readonly folds: ReadonlyMap<string, boolean>;
  /** Whether all other blocks are folded. */
  readonly folded: "all" | "large" | "none";
  /** Whether a tall graph is broken into columns. */
  readonly columns: boolean;
  readonly images: boolean;
  readonly tab: Tab;
}

/** Everything that a part of the page works with. */
export interface App {
  readonly timeline: Timeline;
  readonly images: Images;
  state(): State;
  /** Changes the state, and shows it. */
  set(change: Partial<{ [K in keyof State]: State[K] | undefined }>): void;
  /** Selects a node and moves it into sight; in a step that has it. */
  select(id: NodeId, step?: StepNumber): void;
  /** Lights nodes, or none. */
  light(nodes: readonly NodeId[] | undefined, by?: string): void;
  goTo(step: StepNumber): void;
}

/** Blocks of more nodes are opened at first: folded, they would hide the net. */
const largestFolded = 60;

/** Whether a block is one box. Blocks that a step changes are open. */
export function isFolded({ folds, folded }: State, block: Block, changed: ReadonlySet<NodeId>): boolean {
  const own = folds.get(block.path);
  if (own !== undefined) return own;
  if (folded === "none" || block.isWrapper) return false;
  if (folded === "large" && block.nodes.length > largestFolded) return false;
  return !block.nodes.some((id) => changed.has(id));
}
