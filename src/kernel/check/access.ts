// The accesses of a kernel that runs under the checker; findings are reported as sentences.

import { bug } from "#diagnostic/diagnostic.js";
import type { Touch, Toucher, WatchedMemory } from "./memory.js";
import type { Kernel, Parameter } from "../ir/ir.js";

/** The environment of a kernel that runs under the checker. */
export interface Surroundings {
  readonly lanes: number;
  /** The arena of each parameter. */
  readonly arenas: ReadonlyMap<string, WatchedArena>;
  readonly scratch: WatchedMemory;
  readonly weights: Float32Array;
  readonly prepared: WatchedMemory;
  readonly table: readonly number[];
  /** The base of each parameter in its space. */
  readonly bases: ReadonlyMap<string, number>;
  readonly say: (finding: string) => void;
}

export interface WatchedArena {
  readonly memory: WatchedMemory;
  /** Elements that have been written; only for a whole program. */
  readonly filled?: Uint8Array;
}

/** Loads and stores that the checker watches. `parameter` is absent for scratch; addresses are relative to its base. */
export interface Access {
  load(parameter: Parameter | undefined, address: number): number;
  loadVec(parameter: Parameter | undefined, address: number): number[];
  store(parameter: Parameter | undefined, address: number, value: number): void;
  storeVec(parameter: Parameter | undefined, address: number, values: readonly number[]): void;
}

/** Watches the accesses of a kernel by `who`. */
export function watch(kernel: Kernel, around: Surroundings, who: Toucher): Access {
  const { lanes, scratch, arenas, prepared, bases } = around;
  const say = (text: string) => around.say(`${kernel.name}: ${text}`);
  const nameOf = (parameter: Parameter | undefined) => parameter?.name ?? "scratch";
  const arenaOf = (parameter: Parameter): WatchedArena =>
    arenas.get(parameter.name) ?? bug(`${parameter.name} has no arena`);
  const memoryOf = (parameter: Parameter | undefined): WatchedMemory => {
    if (!parameter) return scratch;
    return parameter.space === "prepared" ? prepared : arenaOf(parameter).memory;
  };
  const baseOf = (parameter: Parameter | undefined) => (parameter ? (bases.get(parameter.name) ?? 0) : 0);

  /** Whether the access is inside its extent; reports it if not. */
  function inside(parameter: Parameter | undefined, address: number, count: number, what: string): boolean {
    const extent = parameter ? parameter.extent : kernel.scratch;
    if (address >= 0 && address + count <= extent) return true;
    say(`a ${what} outside ${nameOf(parameter)}: element ${address} of ${extent}`);
    return false;
  }

  function checkAlignment(parameter: Parameter | undefined, address: number): void {
    const name = nameOf(parameter);
    if (address % lanes !== 0) say(`a vec at an address of ${name} that is not a multiple of ${lanes}`);
    if (baseOf(parameter) % lanes !== 0)
      say(`the base of ${name}, which has vecs, is not a multiple of ${lanes}`);
  }

  function reportRace(parameter: Parameter | undefined, touch: Touch): void {
    if (touch === undefined) return;
    const where = nameOf(parameter);
    say(
      touch === "blocks"
        ? `two grid blocks touch one element of ${where}, and one writes`
        : `two team items touch one element of ${where} without a barrier between, and one writes`,
    );
  }

  /** Reads one element of an arena, scratch, weights or table. */
  function read(parameter: Parameter | undefined, element: number): number {
    if (parameter?.space === "weights") return around.weights[element] ?? 0;
    if (parameter?.space === "table") return around.table[element] ?? 0;
    const memory = memoryOf(parameter);
    if (!parameter && !memory.written(element, who)) say("a read of scratch that the block did not write");
    reportRace(parameter, memory.read(element, who));
    return memory.values[element] ?? bug("the checker lost an element");
  }

  /** A padded lane may hold anything, so a vec of the arena only needs one written element. */
  function checkFilled(parameter: Parameter | undefined, element: number, count: number): void {
    const filled = parameter?.space === "arena" ? arenaOf(parameter).filled : undefined;
    if (!filled) return;
    for (let k = 0; k < count; k += 1) if (filled[element + k] === 1) return;
    say(`a read of ${nameOf(parameter)} where nothing was written`);
  }

  function write(parameter: Parameter | undefined, element: number, value: number): void {
    const memory = memoryOf(parameter);
    reportRace(parameter, memory.write(element, who));
    memory.values[element] = value;
    const filled = parameter?.space === "arena" ? arenaOf(parameter).filled : undefined;
    if (filled) filled[element] = 1;
  }

  return {
    load(parameter, address) {
      if (!inside(parameter, address, 1, "load")) return 0;
      const element = baseOf(parameter) + address;
      checkFilled(parameter, element, 1);
      return read(parameter, element);
    },
    loadVec(parameter, address) {
      checkAlignment(parameter, address);
      const isInside = inside(parameter, address, lanes, "load");
      const element = baseOf(parameter) + address;
      if (isInside) checkFilled(parameter, element, lanes);
      return Array.from({ length: lanes }, (_, k) => (isInside ? read(parameter, element + k) : 0));
    },
    store(parameter, address, value) {
      if (!inside(parameter, address, 1, "store")) return;
      const element = baseOf(parameter) + address;
      write(parameter, element, value);
      if (!parameter?.vecs) return;
      // On a GPU, a store to one element may write back the old values of the others.
      const first = Math.floor(element / lanes) * lanes;
      for (let k = first; k < first + lanes; k += 1)
        if (k !== element) reportRace(parameter, memoryOf(parameter).write(k, who));
    },
    storeVec(parameter, address, values) {
      checkAlignment(parameter, address);
      if (!inside(parameter, address, lanes, "store")) return;
      const element = baseOf(parameter) + address;
      values.forEach((value, k) => write(parameter, element + k, value));
    },
  };
}
