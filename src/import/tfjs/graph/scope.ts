// Where nodes are evaluated: the nodes of a graph or a function, and what is known of their results.

import type { Diagnostic } from "#diagnostic/diagnostic.js";
import type { Value } from "#import/value.js";
import type { State } from "../state.js";
import type { Blocked } from "./blocks.js";
import type { Endpoint, FunctionDef, NodeDef } from "./graph-def.js";
import type { Held } from "./held.js";

/** What all scopes of an import share. */
export interface Import {
  readonly state: State;
  readonly functions: ReadonlyMap<string, FunctionDef>;
  readonly diagnostics: Diagnostic[];
  readonly blocked: Blocked;
  /** Operators that are not known, with the names of their nodes. */
  readonly unknown: Map<string, string[]>;
  readonly unknownNodes: Set<NodeDef>;
  /** Top-level nodes that were refused. */
  readonly refused: Set<NodeDef>;
  /** Nodes of loops that were imported. */
  unrolled: number;
}

/** Nodes, and what is known of their results. */
export interface Known {
  readonly nodes: ReadonlyMap<string, NodeDef>;
  readonly values: Map<string, readonly Held[]>;
  /** Nodes that were refused or depend on one, each with a stand-in for its results. */
  readonly lost: Map<string, Value>;
  /** What is known around a step of a loop. */
  readonly outer?: Known;
}

export interface Scope extends Known {
  readonly shared: Import;
  readonly isQuiet: boolean;
  readonly isLoop: boolean;
  /** Functions in functions. */
  readonly depth: number;
}

/** Results of nodes, which are evaluated with all that they need. */
export type Evaluate = (scope: Scope, ends: readonly Endpoint[]) => readonly Held[];

/** The results of a node, if it was evaluated in this scope or one around it. */
export function resultsIn(scope: Known, name: string): readonly Held[] | undefined {
  for (let one: Known | undefined = scope; one; one = one.outer) {
    const known = one.values.get(name);
    if (known) return known;
  }
  return undefined;
}

/** The stand-in of a node that is lost. */
export function lostIn(scope: Known, name: string): Value | undefined {
  for (let one: Known | undefined = scope; one; one = one.outer) {
    if (one.values.has(name)) return undefined;
    const known = one.lost.get(name);
    if (known) return known;
  }
  return undefined;
}
