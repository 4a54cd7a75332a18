// Pointers: an integer register that only addresses one parameter, or scratch, includes the base of that parameter from its declaration on.
//
// `let p = b * 512; … A[x + p]` becomes `let p = x + b * 512; … A[p]`. V8 does not move `x + p` out of a loop, and WebAssembly then has an
// address in bytes, with its constant part in the instruction.

import { given } from "#diagnostic/given.js";
import { bytesOf } from "#ir/target.js";
import type { Kernel, Place, Register, Value } from "#kernel/ir/ir.js";
import { operandsOf, valuesOf, walkStatements } from "#kernel/ir/walk.js";
import { stepOf } from "./increment.js";

/** The key that scratch of f32 has where other places have the name of a parameter; that of integers follows a colon. */
export const scratchPlace = "";

/** A place as a key: its base and the size of its elements. */
export function placeKey(place: Place): string {
  if (place.kind === "parameter") return place.name;
  if (place.kind === "doubles") return `${scratchPlace}:doubles`;
  return place.element ? `${scratchPlace}:${place.element}` : scratchPlace;
}

/** For each pointer the key of the place whose base it includes. */
export type Pointers = ReadonlyMap<string, string>;

/** Finds the pointers of a kernel. */
export function findPointers(kernel: Kernel): Pointers {
  const candidates = new Set<string>();
  walkStatements(kernel.body, (statement) => {
    if (statement.kind === "let" && statement.register.type === "i32")
      candidates.add(statement.register.name);
  });
  const uses = collectUses(kernel, candidates);

  // Each register starts with the places that it addresses itself. The registers that get its value must agree on the place.
  const found = new Map<string, string | null | undefined>();
  for (let changed = true; changed;) {
    changed = false;
    for (const [name, all] of uses) {
      const now = meet(all.map((use) => (use.kind === "into" ? found.get(use.register) : use.place)));
      if (now !== found.get(name)) {
        found.set(name, now);
        changed = true;
      }
    }
  }
  return new Map([...found].filter((entry): entry is [string, string] => typeof entry[1] === "string"));
}

/** The register of a sum that includes the base, if one of its terms can. */
export function carrier(base: Value, isCandidate: (name: string) => boolean): Register | undefined {
  if (base.kind === "register") return base.type === "i32" && isCandidate(base.name) ? base : undefined;
  if (base.kind !== "int") return undefined;
  if (base.fn === "add") return carrier(base.a, isCandidate) ?? carrier(base.b, isCandidate);
  if (base.fn === "sub") return carrier(base.a, isCandidate);
  return undefined;
}

/** The place whose address a value is the base of; null if the value is used as a number. */
type Use =
  | { readonly kind: "place"; readonly place: string | null }
  | { readonly kind: "into"; readonly register: string };

function collectUses(kernel: Kernel, candidates: ReadonlySet<string>): Map<string, Use[]> {
  const uses = new Map<string, Use[]>();
  const add = (name: string, use: Use) => uses.set(name, [...(uses.get(name) ?? []), use]);
  const isCandidate = (name: string) => candidates.has(name);

  /** Marks all registers in `value` except the carrier as used for something else. */
  const other = (value: Value, except: Register | undefined): Register | undefined => {
    if (value.kind === "register") {
      if (except && value.name === except.name) return undefined;
      if (isCandidate(value.name)) add(value.name, { kind: "place", place: null });
      return except;
    }
    if (value.kind === "load" || value.kind === "load_i32" || value.kind === "load_integers") {
      address(value.place, value.address.base);
      return except;
    }
    let left = except;
    for (const operand of operandsOf(value)) left = other(operand, left);
    return left;
  };
  const address = (place: Place, base: Value | undefined) => {
    if (!base) return;
    const pointer = carrier(base, isCandidate);
    if (pointer) add(pointer.name, { kind: "place", place: placeKey(place) });
    other(base, pointer);
  };

  walkStatements(kernel.body, (statement) => {
    if (statement.kind === "store") {
      address(statement.place, statement.address.base);
      other(statement.value, undefined);
    } else if (
      (statement.kind === "let" || statement.kind === "set") &&
      isCandidate(statement.register.name)
    ) {
      const { register, value } = statement;
      const step = statement.kind === "set" ? stepOf(register, value) : undefined;
      if (step) other(step.value, undefined);
      else {
        const pointer = carrier(value, isCandidate);
        if (pointer) add(pointer.name, { kind: "into", register: register.name });
        other(value, pointer);
      }
    } else for (const value of valuesOf(statement)) other(value, undefined);
  });
  return uses;
}

/** The place if all agree on one, null if they do not, undefined if nothing is known yet. */
function meet(places: readonly (string | null | undefined)[]): string | null | undefined {
  const known = places.filter((place) => place !== undefined);
  const [first] = known;
  return known.every((place) => place === first) ? first : null;
}

/** The bytes of an element of each place of a kernel, by its key. */
export function elementSizes(kernel: Kernel): ReadonlyMap<string, number> {
  const elements = [undefined, "i8", "u8", "i16", "i32"] as const;
  return new Map([
    ...elements.map(
      (element) => [placeKey({ kind: "scratch", ...given({ element }) }), bytesOf(element)] as const,
    ),
    ...kernel.parameters.map(({ name, element }) => [name, bytesOf(element)] as const),
  ]);
}
