// Bindings: the buffers that a kernel uses, and the parameters that are in each.

import { bug } from "#diagnostic/diagnostic.js";
import type { Kernel, KernelProgram, Launch, Parameter, Space } from "#kernel/ir/ir.js";
import { walkStatements } from "#kernel/ir/walk.js";
import type { Words } from "./bytes.js";

/** One storage buffer of a shader. */
export interface Binding {
  /** The name in the shader: A, A2 hold vecs, D, D2 single elements, B, B2 bytes, W, W2 weights, T tables. */
  readonly name: string;
  /** E4: vecs of f16 or f32, which the host chooses. vec4u: weights of which some are integers. */
  readonly element: "vec4f" | "E4" | "f32" | "i32" | Words;
  readonly access: "read" | "read_write";
}

/** How a launch binds memories. A buffer that holds several parameters is bound once, because one of them may write. */
export interface BindingPattern {
  readonly bindings: readonly Binding[];
  /** The binding of each parameter. */
  readonly of: readonly number[];
}

/** A memory of a program. */
export interface Memory {
  readonly space: Exclude<Space, "prepared">;
  readonly index: number;
}

/**
 * The pattern and the memories of a launch; the memories are in the order of the bindings. With `f16`, weights and arenas of vecs may be
 * stored as f16.
 */
export function bindingsOf(
  program: KernelProgram,
  launch: Launch,
  f16 = false,
): { readonly pattern: BindingPattern; readonly memories: readonly Memory[] } {
  const kernel = program.kernels[launch.kernel] ?? bug(`no kernel ${launch.kernel}`);
  const memories: Memory[] = [];
  const of = kernel.parameters.map(({ space }, at) => {
    if (space === "prepared") return bug(`${kernel.name} reads prepared weights, which this target has not`);
    const index = launch.memories[at] ?? 0;
    const known = memories.findIndex((one) => one.space === space && one.index === index);
    return known >= 0 ? known : memories.push({ space, index }) - 1;
  });
  const counts = new Map<string, number>();
  const bindings = memories.map((memory, binding): Binding => {
    const parameters = kernel.parameters.filter((_, at) => of[at] === binding);
    const element = elementOf(kernel, parameters, f16 && mayBeHalves(program, memory));
    const letter = parameters[0]?.space === "weights" ? "W" : letters[element];
    const count = (counts.get(letter) ?? 0) + 1;
    counts.set(letter, count);
    const isWritten = parameters.some(({ access }) => access !== "read");
    return {
      name: count === 1 ? letter : `${letter}${count}`,
      element,
      access: isWritten ? "read_write" : "read",
    };
  });
  return { pattern: { bindings, of }, memories };
}

const letters = {
  vec4f: "A",
  E4: "A",
  f32: "D",
  i32: "T",
  u32: "B",
  "atomic<u32>": "B",
  vec4u: "W",
} as const satisfies Record<Binding["element"], string>;

/** Whether an array holds words. */
export function isWords(element: Binding["element"]): element is Words {
  return element === "u32" || element === "atomic<u32>" || element === "vec4u";
}

/**
 * Whether a memory may be stored as f16, which holds for weights and arenas of vecs. Tensors that are stored element by element stay f32,
 * because two items may store into one word; ports are f32 for the caller.
 */
export function mayBeHalves({ arenas }: KernelProgram, { space, index }: Memory): boolean {
  return space === "weights" || (space === "arena" && arenas[index]?.kind === "vecs");
}

function elementOf(kernel: Kernel, parameters: Kernel["parameters"], halves: boolean): Binding["element"] {
  const hasIntegers = parameters.some((parameter) => parameter.element);
  const vecs = halves ? "E4" : "vec4f";
  const elementIn = ({ space, vecs: isOfVecs }: Parameter): Binding["element"] => {
    if (space === "table") return "i32";
    if (space === "weights") return hasIntegers ? "vec4u" : vecs;
    if (hasIntegers) return storesBytes(kernel, parameters) ? "atomic<u32>" : "u32";
    return isOfVecs ? vecs : "f32";
  };
  const [first, ...rest] = parameters.map(elementIn);
  if (!first || rest.some((other) => other !== first))
    return bug(`${kernel.name} reads one buffer in two ways`);
  return first;
}

/** Whether a kernel stores single bytes in some parameters. */
function storesBytes(kernel: Kernel, parameters: readonly Parameter[]): boolean {
  const names = new Set(parameters.map(({ name }) => name));
  let found = false;
  walkStatements(kernel.body, (statement) => {
    if (statement.kind !== "store" || statement.place.kind !== "parameter") return;
    if (names.has(statement.place.name) && statement.value.type !== "vec") found = true;
  });
  return found;
}
