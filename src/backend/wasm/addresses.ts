// Addresses of the kernel IR as WebAssembly code, in bytes from the start of memory.
//
// A pointer (see `findPointers`) holds the base of its place plus the value that it has in the IR times the bytes of an element, so that a
// load is one instruction with the constant offset in it.

import { bug } from "#diagnostic/diagnostic.js";
import { bytesOf } from "#ir/target.js";
import type { Address, Kernel, Place, Register, Value } from "#kernel/ir/ir.js";
import { walkValue } from "#kernel/ir/walk.js";
import { carrier, elementSizes, findPointers, placeKey, scratchPlace } from "../pointers.js";
import type { Code } from "./code.js";
import { i32Const, localGet, op } from "./code.js";

/** The first parameters of every kernel: its first block, the block after its last, and the address of its scratch. */
export const kernelParameters = ["from", "to", "scratch"] as const;

/** What a printer of values offers to those who print a part of one. */
interface Printing {
  readonly of: (value: Value) => Code;
  /** The local of a register. */
  readonly indexOf: (register: Register) => number;
  /** Whether the statement keeps a value in a local. */
  readonly isKept: (value: Value) => boolean;
}

export interface Addresses {
  /** Whether a register is a pointer. */
  isPointer(name: string): boolean;
  /** Whether a value is part of an address, which is not a number here. */
  hasPointer(value: Value): boolean;
  /** The code of an address, and the constant offset of its instruction. */
  inBytes(place: Place, address: Address): { readonly base: Code; readonly offset: number };
  /** The value that is assigned to a register; for a pointer, in bytes from the start of memory. */
  assigned(register: Register, value: Value): Code;
}

export function createAddresses(kernel: Kernel, { of, indexOf, isKept }: Printing): Addresses {
  const pointers = findPointers(kernel);
  const sizes = elementSizes(kernel);
  const isPointer = (name: string): boolean => pointers.has(name);

  /** The offset of an instruction is added without wrapping, so it must not be negative. */
  function inBytes(place: Place, { base, offset }: Address): { base: Code; offset: number } {
    if (place.kind === "doubles") return bug("kernels in WebAssembly have no float64");
    const key = placeKey(place);
    const size = bytesOf(place.element);
    const start = base ? addressOf(base, key, size) : baseOf(key);
    if (offset >= 0) return { base: start, offset: offset * size };
    return { base: op("i32.add", start, i32Const(offset * size)), offset: 0 };
  }

  /** The address of an element, in bytes from the start of memory; `value` is its number, counted from the start of a place. */
  function addressOf(value: Value, place: string, size: number): Code {
    const pointer = carrier(value, isPointer);
    if (pointer && pointers.get(pointer.name) === place) return withPointer(value, size);
    if (value.kind === "const" && value.value === 0) return baseOf(place);
    return op("i32.add", baseOf(place), scaled(value, size));
  }

  /** A sum with a pointer among its terms. */
  function withPointer(value: Value, size: number): Code {
    if (value.kind === "register") return localGet(indexOf(value));
    if (value.kind !== "int") return bug("a pointer in something that is not a sum");
    const isLeft = carrier(value.a, isPointer) !== undefined;
    if (isLeft)
      return op(
        value.fn === "sub" ? "i32.sub" : "i32.add",
        withPointer(value.a, size),
        scaled(value.b, size),
      );
    return op("i32.add", withPointer(value.b, size), scaled(value.a, size));
  }

  /** A value times 1, 2 or 4. */
  function scaled(value: Value, size: number): Code {
    if (size === 1) return of(value);
    if (value.kind === "const") return i32Const(value.value * size);
    if (value.kind === "int" && !isKept(value)) {
      if (value.fn === "add") return op("i32.add", scaled(value.a, size), scaled(value.b, size));
      if (value.fn === "mul" && value.b.kind === "const")
        return op("i32.mul", of(value.a), i32Const(value.b.value * size));
    }
    return op("i32.shl", of(value), i32Const(size >> 1));
  }

  function baseOf(place: string): Code {
    if (place === scratchPlace || place.startsWith(`${scratchPlace}:`))
      return localGet(kernelParameters.indexOf("scratch"));
    const index = kernel.parameters.findIndex(({ name }) => name === place);
    return localGet(
      index < 0 ? bug(`${kernel.name} has no parameter ${place}`) : kernelParameters.length + index,
    );
  }

  function assigned(register: Register, value: Value): Code {
    const place = pointers.get(register.name);
    return place === undefined ? of(value) : addressOf(value, place, sizes.get(place) ?? 4);
  }

  function hasPointer(value: Value): boolean {
    if (value.type !== "i32" || value.kind === "load_i32") return false;
    let found = false;
    walkValue(value, (inner) => {
      if (inner.kind === "register" && pointers.has(inner.name)) found = true;
    });
    return found;
  }

  return { isPointer, hasPointer, inBytes, assigned };
}
