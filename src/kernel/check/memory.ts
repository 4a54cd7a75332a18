// A memory that records who accesses which element, and finds reads of unwritten elements and races of items and blocks.

/** Who accesses memory: a block, an item in it, and the number of barriers passed so far (unique over all blocks). */
export interface Toucher {
  block: number;
  item: number;
  epoch: number;
}

/** The race that an access causes; undefined if it causes none. */
export type Touch = "blocks" | "items" | undefined;

export interface WatchedMemory {
  /** Floats as f32, and integers of up to 32 bits, which f32 does not hold. */
  readonly values: Float64Array;
  read(address: number, who: Toucher): Touch;
  write(address: number, who: Toucher): Touch;
  /** Whether the element was written since the last `forget` (in scratch: by this block). */
  written(address: number, who: Toucher): boolean;
  /** Forgets all accesses, between launches; values stay. */
  forget(): void;
}

const nobody = -1;
const several = -2;

/** Makes a memory; with `perBlock`, every block has a separate one, as for scratch. */
export function createMemory(elements: number, perBlock: boolean): WatchedMemory {
  const make = () => new Int32Array(elements).fill(nobody);
  const writer = { block: make(), item: make(), epoch: make() };
  const reader = { block: make(), item: make(), epoch: make() };

  /** One thread of control may access an element repeatedly; others race unless a barrier is between their accesses. */
  function race(last: typeof writer, address: number, who: Toucher): Touch {
    const block = last.block[address] ?? nobody;
    if (block === nobody) return undefined;
    if (block !== who.block) return perBlock ? undefined : "blocks";
    return last.epoch[address] === who.epoch && last.item[address] !== who.item ? "items" : undefined;
  }

  return {
    values: new Float64Array(elements).fill(Number.NaN),
    read(address, who) {
      const block = reader.block[address] ?? nobody;
      const isSameBlock = block === who.block || block === nobody || perBlock;
      const isSameEpoch = block === who.block && reader.epoch[address] === who.epoch;
      const isSameItem = !isSameEpoch || reader.item[address] === who.item;
      reader.block[address] = isSameBlock ? who.block : several;
      reader.epoch[address] = who.epoch;
      reader.item[address] = isSameItem ? who.item : several;
      return race(writer, address, who);
    },
    write(address, who) {
      const touch = race(writer, address, who) ?? race(reader, address, who);
      writer.block[address] = who.block;
      writer.epoch[address] = who.epoch;
      writer.item[address] = who.item;
      return touch;
    },
    written: (address, who) =>
      perBlock ? writer.block[address] === who.block : writer.block[address] !== nobody,
    forget() {
      for (const touched of [writer, reader]) touched.block.fill(nobody);
    },
  };
}
