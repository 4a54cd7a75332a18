// Scopes in which nodes are evaluated: the nodes of a graph or a function, and the results known so far.

import type { Diagnostic } from "#diagnostic/diagnostic.js";
import type { Value } from "#import/value.js";
import type { TfjsImport } from "../state.js";
import type { Blocked } from "./blocks.js";
import type { Endpoint, FunctionDef, NodeDef } from "./graph-def.js";
import type { Held } from "./held.js";

/** The state that all scopes of an import share. */
export interface Import {
  readonly state: TfjsImport;
  readonly functions: ReadonlyMap<string, FunctionDef>;
  readonly diagnostics: Diagnostic[];
  readonly blocked: Blocked;
  /** Operators that are not known, with the names of their nodes. */
  readonly unknown: Map<string, string[]>;
  readonly unknownNodes: Set<NodeDef>;
  /** Top-level nodes that were refused. */
  readonly refused: Set<NodeDef>;
  /** The number of imported nodes in loops. */
  unrolled: number;
}

/** Nodes, and their results known so far. */
export interface Known {
  readonly nodes: ReadonlyMap<string, NodeDef>;
  readonly values: Map<string, readonly Held[]>;
  /** Nodes that were refused or depend on one, each with a stand-in for its results. */
  readonly lost: Map<string, Value>;
  /** The scope around an iteration of a loop. */
  readonly outer?: Known;
}

export interface Scope extends Known {
  readonly shared: Import;
  readonly isQuiet: boolean;
  readonly isLoop: boolean;
  /** The depth of function calls. */
  readonly depth: number;
}

/** Evaluates results of nodes, with everything that they need. */
export type Evaluate = (scope: Scope, ends: readonly Endpoint[]) => readonly Held[];

/** The results of a node, if it was evaluated in this scope or one around it. */
export function resultsIn(scope: Known, name: string): readonly Held[] | undefined {
  for (let one: Known | undefined = scope; one; one = one.outer) {
    const known = one.values.get(name);
    if (known) return known;
  }
  return undefined;
}

/** The stand-in of a node that was refused or depends on one. */
export function lostIn(scope: Known, name: string): Value | undefined {
  for (let one: Known | undefined = scope; one; one = one.outer) {
    if (one.values.has(name)) return undefined;
    const known = one.lost.get(name);
    if (known) return known;
  }
  return undefined;
}
