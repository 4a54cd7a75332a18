// The data of a film: what a page shows of a compilation. The compiler writes it, the page's script reads it, and both know only this file.
//
// In the page it is one block: gzip, as base64, of a film as JSON, preceded by its length in bytes (u32, little-endian) and followed by the
// codes of all images. All text of the model in it is free of characters that act on a page.

/** The number of a step: 0 is the graph as written. */
export type StepNumber = number;

/** The id of a node in the graphs of all steps. */
export type NodeId = number;

export interface Film {
  /** The name of the net. */
  readonly name: string;
  /** A line on how the film was made, such as `Cleave 0.4.0, target wasm`. */
  readonly made: string;
  /** Whether the two steps are two models, or two states of one, that are compared; else each step follows from the one before. */
  readonly compares: boolean;
  readonly passes: readonly FilmPass[];
  readonly steps: readonly Step[];
  readonly nodes: readonly NodeVersion[];
  readonly outputs: readonly OutputVersion[];
  readonly plans: readonly PlanVersion[];
  /** The kernels of the last step, in the order of a run; absent if the graph was not compiled to its end. */
  readonly program?: Program;
  readonly files: readonly SourceFile[];
  readonly values?: Values;
  /** What the film leaves out, as sentences. */
  readonly omitted: readonly string[];
}

/** A pass that ran, also if it changed nothing. */
export interface FilmPass {
  readonly name: string;
  readonly doc: string;
  /** Its steps: from the first up to the one before `end`. */
  readonly first: StepNumber;
  readonly end: StepNumber;
}

/** A graph, and what made it of the one before. */
export interface Step {
  /** What is shown as its name: `as written`, a rule, or a pass. */
  readonly label: string;
  /** The index of its pass; absent for a graph as written. */
  readonly pass?: number;
  /** The rule that was applied, or the fusion or template of the kernel that was made. */
  readonly rule?: string;
  /** Whether the step made a kernel of nodes. */
  readonly makesKernel?: true;
  /** The nodes of the step before that the rule replaced, and those that it made. */
  readonly covered: readonly NodeId[];
  readonly made: readonly NodeId[];
}

/** A thing that is in the graphs from step `born` up to the one before `died`. */
interface Lifetime {
  readonly born: StepNumber;
  readonly died: StepNumber;
}

/** A node in one state. Another state of the same node has the same id and other steps. */
export interface NodeVersion extends Lifetime {
  readonly id: NodeId;
  readonly name: string;
  /** The blocks by structure that it is in, the outermost first; the path in its name may give further ones inside. */
  readonly blocks?: readonly string[];
  readonly op: string;
  /** What kind of work the op does, which its colour shows. */
  readonly kind: "input" | "constant" | "sum" | "elementwise" | "pool" | "move" | "other";
  /** With the element type: `f32[1, 56, 56, 24]`. */
  readonly type: string;
  readonly shape: readonly number[];
  readonly inputs: readonly NodeId[];
  /** The names of the operands, as the op has them. */
  readonly operands: readonly string[];
  /** Attributes that differ from their defaults, as the language writes them. */
  readonly attributes: readonly (readonly [name: string, value: string])[];
  /** Properties that follow from the operands, such as the size of a convolution's window. */
  readonly derived: readonly (readonly [name: string, value: string])[];
  /** What a constant holds, as the language writes it. */
  readonly weight?: string;
  /** Orders the nodes of a graph: operands first. */
  readonly position: number;
  readonly parameters: number;
  readonly macs: number;
  /** Of the result. */
  readonly bytes: number;
  readonly kernel?: string;
  readonly pass?: string;
  readonly rule?: string;
  readonly spans: readonly SourceSpan[];
}

/** Lines of a source file, from the first to the last, counted from 0. */
export type SourceSpan = readonly [file: number, first: number, last: number];

export interface OutputVersion extends Lifetime {
  readonly name: string;
  readonly node: NodeId;
}

/** A fused kernel of the graph, with the reasons for it. */
export interface PlanVersion extends Lifetime {
  readonly id: string;
  readonly title: string;
  readonly facts: readonly (readonly [name: string, value: string])[];
}

export interface SourceFile {
  readonly name: string;
  readonly text: string;
}

export interface Program {
  /** What the code is written in: `JavaScript`, `WebAssembly` or `WGSL`. */
  readonly language: string;
  readonly launches: readonly FilmLaunch[];
  readonly kernels: readonly FilmKernel[];
  /** The median time of whole runs, in milliseconds, with what was measured; absent if nothing was. */
  readonly measured?: { readonly milliseconds: number; readonly where: string };
}

/** A call of a kernel. */
export interface FilmLaunch {
  /** The index of its kernel. */
  readonly kernel: number;
  /** Whether it runs once, while the net is loaded. */
  readonly setup: boolean;
  readonly label: string;
  /** The names of the nodes that it computes. */
  readonly nodes: readonly string[];
  readonly macs: number;
  readonly milliseconds?: number;
  /** Its share of the time of all kernels, from 0 to 1. */
  readonly share?: number;
  /** The least time that the machine allows, relative to the measured time, and what limits it. */
  readonly roofline?: { readonly share: number; readonly bound: string };
}

interface FilmKernel {
  readonly name: string;
  /** Kernel IR. */
  readonly ir: string;
  /** The emitted function. */
  readonly code: string;
}

/** The values of the nodes for one input. */
interface Values {
  /** What the input was. */
  readonly input: string;
  readonly rows: readonly ValueRow[];
}

/** The value of a node. A value belongs to all steps in which its node has the same shape. */
export interface ValueRow extends Lifetime {
  readonly node: NodeId;
  readonly shape: readonly number[];
  readonly min: number;
  readonly max: number;
  readonly mean: number;
  readonly deviation: number;
  /** The share of elements that are 0. */
  readonly zeros: number;
  /** The number of elements that are infinite or NaN; they count in nothing else. */
  readonly nonFinite: number;
  /** The number of elements in each of equal parts of the range from min to max. */
  readonly histogram: readonly number[];
  readonly image: ChannelImages;
}

/** Images of channels, each of `height` × `width` codes. A code c of channel k stands for low[k] + c / 255 · (high[k] − low[k]). */
export interface ChannelImages {
  /** The place of the first code among the codes of all images. */
  readonly at: number;
  readonly height: number;
  readonly width: number;
  readonly low: readonly number[];
  readonly high: readonly number[];
  /** The height, width and number of channels of the value itself, which the images may show in part. */
  readonly of: readonly [height: number, width: number, channels: number];
}
