// `--verify` checks the kernels: right ones pass, and a broken one is named as a bug of the compiler.

import { describe, expect, test } from "vitest";
import { lowerModule, verifyKernels } from "#compile/lower-module.js";
import { optimize } from "#compile/optimize.js";
import { targetOf } from "#compile/targets.js";
import { InternalError } from "#diagnostic/diagnostic.js";
import type { Kernel, KernelProgram, Statement } from "#kernel/ir/ir.js";
import { moduleOf } from "../schedule/module-of.js";

const net = `net checked {
  input x: f32[1, 6, 6, 4]
  a = conv2d(x, filters=8, kernel=3x3, padding=same) |> relu
  b = depthwise_conv2d(a, kernel=3x3, padding=same) |> relu6
  c = conv2d(b, filters=8, kernel=1x1) + a
  output y = c |> max_pool(kernel=2x2) |> global_avg_pool |> dense(units=3) |> softmax
}`;

const names = ["js", "wasm", "wgsl"] as const;

function programOf(name: (typeof names)[number]): KernelProgram {
  const { target } = targetOf(name, {});
  return lowerModule(optimize(moduleOf(net), { target }).value!.module, target, { verify: true }).program;
}

/** The first statement that `change` changes, changed. */
function changed(
  body: readonly Statement[],
  change: (one: Statement) => Statement | undefined,
): Statement[] | undefined {
  for (const [at, one] of body.entries()) {
    const own = change(one);
    if (own) return body.with(at, own);
    if (one.kind !== "for" && one.kind !== "team") continue;
    const inner = changed(one.body, change);
    if (inner) return body.with(at, { ...one, body: inner });
  }
  return undefined;
}

const inKernel = (kernel: Kernel, change: (one: Statement) => Statement | undefined): Kernel => ({
  ...kernel,
  body: changed(kernel.body, change) ?? kernel.body,
});

const faults: Readonly<Record<string, (kernel: Kernel) => Kernel>> = {
  "stores far away": (kernel) =>
    inKernel(kernel, (one) =>
      one.kind === "store" && one.place.kind === "parameter"
        ? { ...one, address: { ...one.address, offset: one.address.offset + 1e6 } }
        : undefined,
    ),
  "a register that is not declared": (kernel) =>
    inKernel(kernel, (one) =>
      one.kind === "let" && one.value.kind !== "const"
        ? { ...one, register: { ...one.register, name: "somewhere_else" } }
        : undefined,
    ),
  "a smaller parameter": (kernel) => ({
    ...kernel,
    parameters: kernel.parameters.map((one) => ({ ...one, extent: Math.floor(one.extent / 2) })),
  }),
};

describe.each(names)("%s", (name) => {
  const program = programOf(name);

  test("right kernels pass", () => {
    expect(() => verifyKernels(program)).not.toThrow();
  });

  test.each(Object.keys(faults))("%s", (fault) => {
    for (const [at, kernel] of program.kernels.entries()) {
      const kernels = program.kernels.with(at, faults[fault]!(kernel));
      // A kernel without such a statement stays as it is.
      if (fault !== "a smaller parameter" && kernels[at]!.body === kernel.body) continue;
      const verify = (): void => verifyKernels({ ...program, kernels });
      expect(verify, kernel.name).toThrow(InternalError);
      expect(verify, kernel.name).toThrow(kernel.name);
    }
  });

  test("no launches", () => {
    expect(() => verifyKernels({ ...program, launches: [] })).toThrow("output y is not written in full");
  });

  test("a launch that reaches outside, of a program that is too large to be run", () => {
    const arenas = program.arenas.map((one) => ({ ...one, elements: 2 ** 27 }));
    expect(() => verifyKernels({ ...program, arenas })).not.toThrow();
    const [first, ...rest] = program.launches;
    const launches = [{ ...first!, offsets: first!.offsets.map(() => 2 ** 28) }, ...rest];
    expect(() => verifyKernels({ ...program, arenas, launches })).toThrow("reaches outside the arena");
  });
});
