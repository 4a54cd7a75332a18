// The kernel IR: one small typed imperative language that all back ends print.
//
// A kernel is a grid of independent blocks. A block contains team loops (independent items; a plain loop on a CPU, the invocations of a
// workgroup on a GPU) and serial loops. All counts are constants. Addresses are a register plus a constant, in elements of their place;
// registers that are incremented (`p += 16`) are in the IR.

import type { CodeType } from "#ir/compact.js";
import type { Layout, Preprocess } from "#ir/preprocess.js";
import type { Element } from "#ir/target.js";
import type { IntegerType } from "#ir/type.js";
import type { ScalarBinary, ScalarUnary } from "#ops/scalar.js";

/** Registers of integers, on targets that compute with them: all have 16 bytes. */
export type IntegerVec = "i8x16" | "i16x8" | "i32x4";

/** Types of values. `vec` has the target's lane count; with one lane it is an f32. */
export type ValueType = "f32" | "i32" | "bool" | "vec" | IntegerVec;

/** A mutable local. Its declaration (`let`) gives its first value; it lives to the end of the enclosing body. */
export interface Register {
  readonly kind: "register";
  readonly type: ValueType;
  /** Readable, and unique in its kernel: `acc_1_2`, `px`. */
  readonly name: string;
}

/**
 * Where operands are stored. `arena` holds all intermediate values, inputs and outputs; `weights` is the packed file; `prepared` is
 * computed from it once, when a module is loaded; `table` holds i32.
 */
export type Space = "arena" | "weights" | "prepared" | "table";

/** An argument of a kernel: a base offset, in elements, into a space. Kernels with equal code are emitted once. */
export interface Parameter {
  readonly name: string;
  readonly space: Space;
  readonly access: "read" | "write" | "read_write";
  /** How its elements are stored; f32 if absent. A load of an f32 or vec converts integers, and a store converts whole numbers to them. */
  readonly element?: IntegerElement;
  /** The elements from the base that the kernel may access; the checker verifies this. */
  readonly extent: number;
  /** Whether it is in an arena of vecs. A store to one element may rewrite the whole vec there, so no two items may store into one vec. */
  readonly vecs?: true;
}

/** The integers that memory holds. */
export type IntegerElement = Exclude<Element, "f32">;

/**
 * The target of a load or store: a parameter by name, or the block's scratch, whose elements are f32 unless the place says otherwise.
 * `doubles` are elements of float64 in scratch, two words each, for targets whose registers are such.
 */
export type Place =
  | { readonly kind: "parameter"; readonly name: string; readonly element?: IntegerElement }
  | { readonly kind: "scratch"; readonly element?: IntegerElement }
  | { readonly kind: "doubles"; readonly element?: never };

/** `base + offset`, in elements from the place's base; `base` is an i32. A vec address is a multiple of the lanes. */
export interface Address {
  readonly base?: Value;
  readonly offset: number;
  /** A further offset, in vecs; only in kernels that launches of different sizes share (`share.ts` of a back end). */
  readonly vecs?: Register;
}

export type FloatUnary = ScalarUnary;
export type FloatBinary = ScalarBinary;
export type IntBinary = "add" | "sub" | "mul" | "div" | "rem" | "min" | "max" | "shl" | "shr" | "and";
export type Compare = "lt" | "le" | "eq" | "ne";

/** An expression without side effects. Loads are expressions: they read the memory as it is when the statement runs. */
export type Value =
  | Register
  /** With `open` it is not folded into the expression around it, so that kernels that differ only in this number keep the same form. */
  | {
      readonly kind: "const";
      readonly type: "f32" | "i32" | "bool";
      readonly value: number;
      readonly open?: true;
    }
  | { readonly kind: "load"; readonly type: "f32" | "vec"; readonly place: Place; readonly address: Address }
  /**
   * Integers as they are: 16 of a byte each, 8 of two bytes or widened from one, 4 of four bytes. With `four`, four bytes of memory, as
   * they are, which all lanes of 32 bits get.
   */
  | {
      readonly kind: "load_integers";
      readonly type: IntegerVec;
      readonly place: Place;
      readonly address: Address;
      readonly four?: true;
    }
  | { readonly kind: "load_i32"; readonly type: "i32"; readonly place: Place; readonly address: Address }
  | { readonly kind: "unary"; readonly type: "f32" | "vec"; readonly fn: FloatUnary; readonly x: Value }
  | {
      readonly kind: "binary";
      readonly type: "f32" | "vec";
      readonly fn: FloatBinary;
      readonly a: Value;
      readonly b: Value;
    }
  | {
      readonly kind: "int";
      readonly type: "i32";
      readonly fn: IntBinary;
      readonly a: Value;
      readonly b: Value;
    }
  | {
      readonly kind: "compare";
      readonly type: "bool";
      readonly fn: Compare;
      readonly a: Value;
      readonly b: Value;
    }
  | {
      readonly kind: "logic";
      readonly type: "bool";
      readonly fn: "and" | "or";
      readonly a: Value;
      readonly b: Value;
    }
  /** `if_` is a bool; for a vec comparison see `select_compare`. */
  | {
      readonly kind: "select";
      readonly type: ValueType;
      readonly if: Value;
      readonly then: Value;
      readonly otherwise: Value;
    }
  /** Lane by lane: `a fn b ? then : otherwise`, all f32 or all vec. */
  | {
      readonly kind: "select_compare";
      readonly type: "f32" | "vec";
      readonly fn: "lt" | "le" | "eq";
      readonly a: Value;
      readonly b: Value;
      readonly then: Value;
      readonly otherwise: Value;
    }
  /** `a · b + c`, fused or not, as the target has it. */
  | {
      readonly kind: "madd";
      readonly type: "f32" | "vec";
      readonly a: Value;
      readonly b: Value;
      readonly c: Value;
    }
  | { readonly kind: "splat"; readonly type: "vec"; readonly x: Value }
  | { readonly kind: "lane"; readonly type: "f32"; readonly x: Value; readonly index: number }
  | { readonly kind: "swizzle"; readonly type: "vec"; readonly x: Value; readonly lanes: readonly number[] }
  | {
      readonly kind: "horizontal";
      readonly type: "f32";
      readonly fn: "add" | "max" | "min";
      readonly x: Value;
    }
  /** The value of x in another item of the block, which is a subgroup. All items evaluate it together, in no guard. */
  | { readonly kind: "broadcast"; readonly type: "f32" | "i32"; readonly x: Value; readonly item: number }
  | { readonly kind: "to_f32"; readonly type: "f32" | "vec"; readonly x: Value }
  | { readonly kind: "to_i32"; readonly type: "i32"; readonly x: Value } // truncates
  /** min(max(round(x) + zero, low), high), the integer nearest to x within bounds; low for NaN. Only where it is stored as an integer. */
  | {
      readonly kind: "nearest";
      readonly type: "f32" | "vec";
      readonly x: Value;
      readonly zero: number;
      readonly low: number;
      readonly high: number;
    }
  /** The numbers in a table of 256 at the last eight bits of whole numbers, lane by lane; the table begins at the base of its place. */
  | { readonly kind: "lookup"; readonly type: "f32" | "vec"; readonly place: Place; readonly x: Value }
  /** Integers that are all the same. */
  | { readonly kind: "integers"; readonly type: IntegerVec; readonly value: number }
  /** The first eight of sixteen bytes, widened; `signed` says what the bytes are. */
  | { readonly kind: "widen_integers"; readonly type: "i16x8"; readonly x: Value; readonly signed: boolean }
  /** The lanes of a, then those of b, that the numbers say; as many as the type has. */
  | {
      readonly kind: "shuffle";
      readonly type: IntegerVec;
      readonly a: Value;
      readonly b: Value;
      readonly lanes: readonly number[];
    }
  /** Sums and differences of as many bits as the lanes have, where a carry is lost; the greater of two bytes, with a sign or without. */
  | {
      readonly kind: "binary_integers";
      readonly type: IntegerVec;
      readonly fn: "add" | "sub" | "max_s" | "max_u";
      readonly a: Value;
      readonly b: Value;
    }
  /** Each lane divided by 2 to the power of `bits`, rounded down. */
  | { readonly kind: "shift_integers"; readonly type: "i32x4"; readonly x: Value; readonly bits: number }
  /** Products of neighbours, added: lane n of the i32x4 is a[2n]·b[2n] + a[2n + 1]·b[2n + 1], for i16x8. */
  | { readonly kind: "dot_pairs"; readonly type: "i32x4"; readonly a: Value; readonly b: Value }
  /** c[n] + Σ a[4n + i]·b[4n + i] for i from 0 to 3, for i8x16; a may be −128 … 127, and b must be 0 … 127. */
  | {
      readonly kind: "dot_fours";
      readonly type: "i32x4";
      readonly a: Value;
      readonly b: Value;
      readonly c: Value;
    }
  /**
   * Words are four bytes as an i32, the first one in the lowest bits. Those of memory as they are, at a multiple of four; with `lessHalf`, of u8
   * less 128, which makes them i8.
   */
  | {
      readonly kind: "load_word";
      readonly type: "i32";
      readonly place: Place;
      readonly address: Address;
      readonly lessHalf?: true;
    }
  /** Whole numbers as a word; they must be within −128 … 127. */
  | { readonly kind: "pack_word"; readonly type: "i32"; readonly x: Value }
  /** c[n] + Σ a[4n + i]·b[i] for i from 0 to 3, where a is an i8x16 and b a word of i8. */
  | {
      readonly kind: "dot_words";
      readonly type: "i32x4";
      readonly a: Value;
      readonly b: Value;
      readonly c: Value;
    }
  /** Whole numbers of a vec as integers. */
  | { readonly kind: "to_integers"; readonly type: "i32x4"; readonly x: Value };

export type Statement =
  | { readonly kind: "let"; readonly register: Register; readonly value: Value }
  | { readonly kind: "set"; readonly register: Register; readonly value: Value }
  | { readonly kind: "store"; readonly place: Place; readonly address: Address; readonly value: Value }
  /** A serial loop: `index` (i32) runs from 0 to count − 1. In kernels that launches of different sizes share, `limit` holds the count. */
  | {
      readonly kind: "for";
      readonly index: Register;
      readonly count: number;
      readonly limit?: Register;
      readonly body: readonly Statement[];
    }
  /** Independent items 0 … count − 1 of a block; there is a barrier between two team loops. */
  | {
      readonly kind: "team";
      readonly index: Register;
      readonly count: number;
      readonly limit?: Register;
      readonly body: readonly Statement[];
    }
  /** Only inside a team loop (or in a kernel with team size 1); contains no team loop. */
  | {
      readonly kind: "guard";
      readonly if: Value;
      readonly then: readonly Statement[];
      readonly otherwise?: readonly Statement[];
    }
  /** A hint that the element of the load will be needed soon. It has no result, and a target without its own caches ignores it. */
  | { readonly kind: "prefetch"; readonly value: Extract<Value, { kind: "load" }> }
  | { readonly kind: "comment"; readonly text: string };

/** One kernel. */
export interface Kernel {
  /** Readable, from the template and its constants: `pointwise_196x512x512`. */
  readonly name: string;
  readonly parameters: readonly Parameter[];
  /** Elements of scratch per block. */
  readonly scratch: number;
  /** Items of a block that run in parallel; 1 on a CPU. */
  readonly team: number;
  /** The block is a subgroup of a GPU with as many items as the team: they run in lockstep and read each other's values (`broadcast`). */
  readonly subgroup?: true;
  /** Registers that each team item has, and that live across team loops; with team 1, plain registers of the block. */
  readonly privates: readonly Register[];
  readonly grid: { readonly index: Register; readonly count: number };
  readonly body: readonly Statement[];
  /** The same kernel for processors with dot products of four bytes (`dot_fours`): it has the same parameters and blocks. */
  readonly fours?: Kernel;
}

/** One call of a kernel, with the base offset of each parameter, in elements of the parameter. */
export interface Launch {
  readonly kernel: number;
  /** For each parameter, its arena or its part of the weights; 0 for a table. */
  readonly memories: readonly number[];
  readonly offsets: readonly number[];
  /** Names of the graph's nodes that it computes, and why they are one kernel: for comments, profiles and errors. */
  readonly label: string;
  readonly nodes: readonly string[];
  readonly macs: number;
}

/**
 * A piece of the packed weights. Pieces are written in this order, none spans two parts, and each begins at a multiple of the lane count.
 */
export interface PackedWeight {
  readonly name: string;
  /** How memory and the file hold it; f32 if absent. */
  readonly element?: IntegerElement;
  /** In elements of its own. */
  readonly elements: number;
  /**
   * Computes the values when the file is written, and yields them in pieces, in order, without keeping them. A piece is valid until the
   * next one is requested. It may use `memory`, which has at least `elements`. It calls `onFlushed` with the number of values that became 0
   * because they are too small to matter (`negligible.ts`).
   */
  readonly pack: (
    memory?: Float32Array,
    onFlushed?: (count: number) => void,
  ) => Iterable<Float32Array | Int32Array>;
  /** Present if the file stores codes instead. */
  readonly compact?: PackedCodes;
}

/** The codes of a packed weight and what they mean, as in `CompactForm`; codes and factors are in packed order. */
export interface PackedCodes {
  readonly codes: CodeType;
  readonly scale: number;
  readonly min: number;
  /** Yields the codes as numbers, otherwise as `PackedWeight.pack` yields values. */
  readonly pack: (memory?: Float32Array) => Iterable<Float32Array | Int32Array>;
  readonly factors?: PackedFactors;
}

interface PackedFactors {
  readonly dtype: "f32" | "f64";
  /** Stretches of rows of equal length, which together are all elements. Each column of a stretch has a factor. */
  readonly stretches: readonly { readonly rows: number; readonly columns: number }[];
  /** The factors of the columns of all stretches; 0 for padding. */
  readonly read: () => Float64Array;
}

/** A dense tensor in an arena that `run` fills or reads. */
export interface Port {
  readonly name: string;
  readonly arena: number;
  readonly shape: readonly number[];
  /** How it is stored in the arena; f32 if absent. */
  readonly element?: IntegerElement;
  /** In elements of its own. */
  readonly offset: number;
  /** An output that is the same for all samples of an open batch, as in `Output`. */
  readonly once?: true;
  /** Its element type in the net, if that is one of integers; a run takes and gives them as f32. */
  readonly dtype?: IntegerType;
  /** The order of its axes, where the net tells it. */
  readonly layout?: Layout;
  /** How pictures become values of an input. */
  readonly picture?: Preprocess;
  /** The names of an output's classes. */
  readonly labels?: readonly string[];
}

/** A weight that only the setup reads: its elements, and the number of setup launches that read it. */
interface StagedWeight {
  readonly elements: number;
  readonly launches: number;
}

/** A memory that kernels read and write: see the schedule's arenas. */
interface ProgramArena {
  readonly kind: "vecs" | "scalars" | "bytes" | "port";
  readonly elements: number;
}

/** Kernels for devices whose subgroups have a certain size; they replace some of a program's kernels. */
interface SubgroupKernels {
  /** Items of a subgroup. */
  readonly items: number;
  readonly kernels: readonly Kernel[];
  /** For each launch, the kernel that computes the same with the same parameters; most launches have none. */
  readonly of: readonly (number | undefined)[];
}

/** Everything that a back end needs; it never sees a graph. */
export interface KernelProgram {
  readonly name: string;
  readonly lanes: number;
  readonly kernels: readonly Kernel[];
  /** Launches that run once, before the first of `launches`; they fill `prepared`. */
  readonly setup: readonly Launch[];
  readonly launches: readonly Launch[];
  /** Kernels that a back end may use if the device has such subgroups. */
  readonly subgroups?: SubgroupKernels;
  readonly weights: readonly PackedWeight[];
  /**
   * The last of `weights`, which only the last launches of the setup read, in the same order, so a back end needs to hold only one of them
   * at a time. Absent if there are none.
   */
  readonly staged?: readonly StagedWeight[];
  /** Elements of weights that the setup computes. */
  readonly prepared: number;
  /** i32 tables (resize, gather), one after another. */
  readonly table: readonly number[];
  /** A single one for targets that do not separate kinds. */
  readonly arenas: readonly ProgramArena[];
  /** The start of each part of the weights, in elements. There is one part, unless a kernel cannot bind all weights. */
  readonly weightParts: readonly number[];
  /** In elements. */
  readonly scratch: number;
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  /** The symbol of an open batch: `run` then loops over samples. */
  readonly batch?: string;
}
