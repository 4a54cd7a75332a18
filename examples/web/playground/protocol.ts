// The messages between the playground and its worker, in which the compiler runs.

/** What a view of the compilation shows. */
export type View =
  | { readonly kind: "picture"; readonly pass: string }
  | { readonly kind: "graph"; readonly pass: string }
  | { readonly kind: "film" }
  | { readonly kind: "kernels" }
  | { readonly kind: "module" }
  | { readonly kind: "run"; readonly inputs: ReadonlyMap<string, GivenInput> };

/** Values of an input: random ones of a seed, or a picture. */
export type GivenInput =
  | { readonly kind: "random"; readonly seed: number }
  | { readonly kind: "picture"; readonly picture: ImageData };

export interface Request {
  readonly id: number;
  readonly text: string;
  readonly target: "js" | "wasm" | "wgsl";
  readonly view: View;
}

/** A message about a part of the text. */
export interface Remark {
  readonly from: number;
  readonly to: number;
  readonly severity: "error" | "warning" | "info";
  readonly code: string;
  /** The message, and what helps, in lines. */
  readonly message: string;
}

/** An input of the net, as the page asks for its values. */
export interface Port {
  readonly name: string;
  readonly shape: readonly number[];
  /** Whether a picture can be its values. */
  readonly takesPicture: boolean;
}

/** An output of a run. */
export interface Ran {
  readonly name: string;
  readonly shape: readonly number[];
  readonly labels?: readonly string[];
  readonly values: Float32Array;
}

/** What the page learns, in this order: first the errors, then facts, then the view. */
export type Reply = { readonly id: number } & (
  | { readonly kind: "checked"; readonly remarks: readonly Remark[]; readonly isNet: boolean }
  | {
      readonly kind: "facts";
      readonly name: string;
      readonly parameters: number;
      readonly macs: number;
      readonly ops: number;
      readonly inputs: readonly Port[];
      /** The passes that changed the graph, in order. */
      readonly passes: readonly string[];
    }
  | { readonly kind: "sizes"; readonly kernels: number; readonly module: number; readonly weights: number }
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "picture"; readonly svg: string }
  /** The page that shows each step of the compiler, as HTML. */
  | { readonly kind: "film"; readonly name: string; readonly page: string }
  | {
      readonly kind: "ran";
      readonly outputs: readonly Ran[];
      readonly milliseconds: number;
      readonly runs: number;
    }
  /** Why there is no view. */
  | { readonly kind: "none"; readonly why: string }
  | { readonly kind: "done" }
);
