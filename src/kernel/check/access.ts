// The accesses of a kernel that runs under the checker; findings are reported as sentences.

import { bug } from "#diagnostic/diagnostic.js";
import { bytesOf } from "#ir/target.js";
import type { Touch, Toucher, WatchedMemory } from "./memory.js";
import type { Kernel, Parameter, Place } from "../ir/ir.js";

/** The environment of a kernel that runs under the checker. */
export interface Surroundings {
  readonly lanes: number;
  /** Bytes of a cell of the memories: 4, or 1 if a program stores integers in fewer. An element is in its first cell. */
  readonly cellBytes: 1 | 4;
  /** The arena of each parameter. */
  readonly arenas: ReadonlyMap<string, WatchedArena>;
  readonly scratch: WatchedMemory;
  readonly weights: Float64Array;
  readonly prepared: WatchedMemory;
  readonly table: readonly number[];
  /** The base of each parameter in its space. */
  readonly bases: ReadonlyMap<string, number>;
  readonly say: (finding: string) => void;
}

export interface WatchedArena {
  readonly memory: WatchedMemory;
  /** Cells that have been written; only for a whole program. */
  readonly filled?: Uint8Array;
}

/** A place whose accesses the checker watches: a parameter, or scratch, and the bytes of its elements. */
export interface Room {
  /** Absent for scratch. */
  readonly parameter?: Parameter;
  readonly bytes: number;
  readonly holdsIntegers: boolean;
  /** Whether stores round to f32. */
  readonly rounds: boolean;
}

/** The room of a place. */
export function roomOf(place: Place, parameter: Parameter | undefined): Room {
  const holdsIntegers = place.element !== undefined;
  const isDouble = place.kind === "doubles";
  const room = {
    bytes: isDouble ? 8 : bytesOf(place.element),
    holdsIntegers,
    rounds: !holdsIntegers && !isDouble,
  };
  return parameter ? { ...room, parameter } : room;
}

/** What an integer is that nothing has written, or where an f32 was before. */
const unwritten = 85;

/** Loads and stores that the checker watches. Addresses are in elements, relative to the base of the room. */
export interface Access {
  load(room: Room, address: number): number;
  /** Loads `count` elements; `isAligned` says that they must begin at a multiple of the lanes. */
  loadMany(room: Room, address: number, count: number, isAligned: boolean): number[];
  store(room: Room, address: number, value: number): void;
  storeMany(room: Room, address: number, values: readonly number[], isAligned: boolean): void;
}

/** Watches the accesses of a kernel by `who`. */
export function watch(kernel: Kernel, around: Surroundings, who: Toucher): Access {
  const { lanes, scratch, arenas, prepared, bases, cellBytes } = around;
  const say = (text: string) => around.say(`${kernel.name}: ${text}`);
  const nameOf = ({ parameter }: Room) => parameter?.name ?? "scratch";
  const arenaOf = (parameter: Parameter): WatchedArena =>
    arenas.get(parameter.name) ?? bug(`${parameter.name} has no arena`);
  const memoryOf = ({ parameter }: Room): WatchedMemory => {
    if (!parameter) return scratch;
    return parameter.space === "prepared" ? prepared : arenaOf(parameter).memory;
  };
  const baseOf = ({ parameter }: Room) => (parameter ? (bases.get(parameter.name) ?? 0) : 0);
  const cellOf = (room: Room, address: number) => ((baseOf(room) + address) * room.bytes) / cellBytes;

  /** Whether the access is inside its extent; reports it if not. */
  function inside(room: Room, address: number, count: number, what: string): boolean {
    const extent = room.parameter ? room.parameter.extent : (kernel.scratch * 4) / room.bytes;
    if (address >= 0 && address + count <= extent) return true;
    say(`a ${what} outside ${nameOf(room)}: element ${address} of ${extent}`);
    return false;
  }

  function checkAlignment(room: Room, address: number): void {
    const name = nameOf(room);
    if (address % lanes !== 0) say(`a vec at an address of ${name} that is not a multiple of ${lanes}`);
    if (baseOf(room) % lanes !== 0) say(`the base of ${name}, which has vecs, is not a multiple of ${lanes}`);
  }

  function reportRace(room: Room, touch: Touch): void {
    if (touch === undefined) return;
    const where = nameOf(room);
    say(
      touch === "blocks"
        ? `two grid blocks touch one element of ${where}, and one writes`
        : `two team items touch one element of ${where} without a barrier between, and one writes`,
    );
  }

  /**
   * Reads one element of an arena, scratch, weights or table. With `isPart`, it may be a padded lane of a register of integers, which may hold
   * anything.
   */
  function read(room: Room, address: number, isPart: boolean): number {
    const { parameter } = room;
    if (parameter?.space === "table") return around.table[baseOf(room) + address] ?? 0;
    const cell = cellOf(room, address);
    if (parameter?.space === "weights") return around.weights[cell] ?? 0;
    const memory = memoryOf(room);
    if (!parameter && !isPart && !memory.written(cell, who))
      say("a read of scratch that the block did not write");
    reportRace(room, memory.read(cell, who));
    const value = memory.values[cell] ?? bug("the checker lost an element");
    return room.holdsIntegers && !Number.isInteger(value) ? unwritten : value;
  }

  /** A padded lane may hold anything, so of some elements one must be written. */
  function checkFilled(room: Room, address: number, count: number): void {
    const filled = room.parameter?.space === "arena" ? arenaOf(room.parameter).filled : undefined;
    if (!filled) return;
    for (let k = 0; k < count; k += 1) if (filled[cellOf(room, address + k)] === 1) return;
    say(`a read of ${nameOf(room)} where nothing was written`);
  }

  function write(room: Room, address: number, value: number): void {
    const cell = cellOf(room, address);
    const memory = memoryOf(room);
    reportRace(room, memory.write(cell, who));
    memory.values[cell] = room.rounds ? Math.fround(value) : value;
    const filled = room.parameter?.space === "arena" ? arenaOf(room.parameter).filled : undefined;
    if (filled) filled[cell] = 1;
  }

  return {
    load(room, address) {
      if (!inside(room, address, 1, "load")) return 0;
      checkFilled(room, address, 1);
      return read(room, address, false);
    },
    loadMany(room, address, count, isAligned) {
      if (isAligned) checkAlignment(room, address);
      const isInside = inside(room, address, count, "load");
      if (isInside) checkFilled(room, address, count);
      return Array.from({ length: count }, (_, k) => (isInside ? read(room, address + k, !isAligned) : 0));
    },
    store(room, address, value) {
      if (!inside(room, address, 1, "store")) return;
      write(room, address, value);
      if (!room.parameter?.vecs) return;
      // On a GPU, a store to one element may write back the old values of the others.
      const cell = cellOf(room, address);
      const first = Math.floor(cell / lanes) * lanes;
      for (let k = first; k < first + lanes; k += 1)
        if (k !== cell) reportRace(room, memoryOf(room).write(k, who));
    },
    storeMany(room, address, values, isAligned) {
      if (isAligned) checkAlignment(room, address);
      if (!inside(room, address, values.length, "store")) return;
      values.forEach((value, k) => write(room, address + k, value));
    },
  };
}
