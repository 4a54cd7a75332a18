// Prints a kernel as a WGSL compute shader: blocks are workgroups, items their invocations.

import { bug } from "#diagnostic/diagnostic.js";
import type { Kernel, Register, Statement, Value, ValueType } from "#kernel/ir/ir.js";
import { walkStatements } from "#kernel/ir/walk.js";
import { block, comment, indent } from "../text.js";
import type { BindingPattern } from "./bindings.js";
import { isWords } from "./bindings.js";
import { byteAccessors, byteHelpers, byteNames } from "./bytes.js";
import { createWgslNames } from "./code.js";
import type { Expressions } from "./expressions.js";
import { createExpressions } from "./expressions.js";
import { helperTexts } from "./helpers.js";
import type { SharedKernel, Sharing } from "./share.js";

export interface Shader {
  /** The text; its entry point is called `main`. */
  readonly text: string;
  /** Bytes of workgroup memory. */
  readonly scratchBytes: number;
}

/** The most workgroups along one dimension. */
const mostWorkgroups = 65_535;

/**
 * Prints the shader of a folded kernel for one way of binding its buffers. A uniform holds the base offsets of its parameters and the sizes
 * in which its launches differ, so that launches share a pipeline.
 *
 * Loops begin at `zero`, a 0 that is in the uniform too, so that drivers do not unroll them. The templates unroll where it pays, and
 * software drivers take ten seconds for a shader whose loops they unroll.
 *
 * Scratch is an array of vecs if every store to it is a vec, else of single elements: a store to one component may rewrite the whole vec
 * (gpuweb#2152), and two items may store into one vec of scratch.
 */
export function printShader(
  { kernel: folded, sizes, values }: SharedKernel & Partial<Pick<Sharing, "values">>,
  pattern: BindingPattern,
  text?: readonly string[],
): Shader {
  const scratchVecs = storesVecsAlone(folded);
  const fresh = createWgslNames([...fixedNames, ...pattern.bindings.flatMap(({ name }) => namesOf(name))]);
  const expressions = createExpressions({ kernel: folded, pattern, scratchVecs, fresh });
  const changing = new Set(folded.privates.map((register) => register.name));
  walkStatements(folded.body, (statement) => {
    if (statement.kind === "set") changing.add(statement.register.name);
  });
  const printer: Printer = { kernel: folded, expressions, changing };
  let loops = false;
  walkStatements(folded.body, ({ kind }) => {
    if (kind === "for" || (kind === "team" && folded.team === 1)) loops = true;
  });
  const body = [
    ...folded.parameters.map(({ name }) => {
      const own = expressions.baseOf(name);
      return `let ${own} = offsets.${own};`;
    }),
    ...sizes.map((size) => `let ${expressions.nameOf(size)} = offsets.${expressions.nameOf(size)};`),
    ...(loops ? ["let zero = offsets.zero;"] : []),
    ...blockIndex(printer, workgroupsOf(folded)),
    ...(folded.team > 1 ? ["let invocation = i32(local);"] : []),
    ...folded.privates.map((register) => `var ${expressions.nameOf(register)}: ${typeName(register.type)};`),
    ...printBody(folded.body, printer, false),
  ];
  const { used } = expressions;
  const operandsIn = (binding: number): string =>
    folded.parameters
      .flatMap(({ name }, at) => (pattern.of[at] === binding ? [expressions.baseOf(name)] : []))
      .join(", ");
  const scratch = roundUp(folded.scratch);
  const lines = [
    ...(text === undefined ? [] : [...comment(text), ""]),
    ...(folded.parameters.length === 0
      ? []
      : [
          "// Where each operand begins in its buffer, in elements, and what launches differ in.",
          ...block("struct Offsets", [
            ...folded.parameters.map(({ name }) => `${expressions.baseOf(name)}: i32,`),
            ...sizes.map(
              (size, at) => `${expressions.nameOf(size)}: i32, // ${exampleValues(values ?? [], at)}`,
            ),
            ...(loops ? ["zero: i32, // where loops begin, so that drivers do not unroll them"] : []),
          ]),
          "@group(0) @binding(0) var<uniform> offsets: Offsets;",
        ]),
    ...pattern.bindings.map(
      ({ name, element, access }, at) =>
        `@group(0) @binding(${at + 1}) var<storage, ${access}> ${name}: array<${element}>; // ${operandsIn(at)}`,
    ),
    ...(scratch === 0
      ? []
      : [`var<workgroup> S: array<${scratchVecs ? `vec4f, ${scratch / 4}` : `f32, ${scratch}`}>;`]),
    ...(used.has("nan_bits") ? ["var<private> nan_bits = 0x7fc00000u;"] : []),
    "",
    ...[...pattern.bindings.map(({ name }) => name), "S"].flatMap((array) => accessors(array, used)),
    ...pattern.bindings.flatMap(({ name, element }) =>
      isWords(element) ? byteAccessors(name, element, used) : [],
    ),
    ...helperTexts(used).flatMap((helper) => helper.split("\n")),
    `@compute @workgroup_size(${folded.team})`,
    ...block(signature(folded), body),
  ];
  return { text: `${lines.join("\n")}\n`, scratchBytes: 4 * scratch };
}

/** The first few values of a size, so that a reader sees which one it is. */
function exampleValues(values: Sharing["values"], size: number): string {
  const all = [...new Set(values.map((own) => own[size] ?? 0))];
  return `${all.slice(0, 4).join(", ")}${all.length > 4 ? ", …" : ""}`;
}

interface Printer {
  readonly kernel: Kernel;
  readonly expressions: Expressions;
  /** Registers that are set after their declaration. */
  readonly changing: ReadonlySet<string>;
}

const fixedNames = [
  "E4",
  "E4_of",
  "S",
  "S_load",
  "S_store",
  "offsets",
  "Offsets",
  "group",
  "local",
  "invocation",
  "main",
  "zero",
  "nan_bits",
  "dot_words",
  "bytes_of",
  ...Object.keys(byteHelpers),
];

const typeNames = {
  f32: "f32",
  i32: "i32",
  bool: "bool",
  vec: "vec4f",
  i8x16: "vec4u",
  i32x4: "vec4i",
} as const;

function typeName(type: ValueType): string {
  return type in typeNames ? typeNames[type as keyof typeof typeNames] : bug(`no registers of ${type} here`);
}

function namesOf(binding: string): string[] {
  return [binding, `${binding}_load`, `${binding}_store`, ...byteNames(binding)];
}

/**
 * WGSL does not define which invocations of a workgroup are in which subgroup, nor in which order. So a workgroup of a kernel for subgroups
 * has at most as many invocations as every subgroup, and is one subgroup; the number of an item is its number in the subgroup.
 */
function signature({ team, subgroup, grid }: Kernel): string {
  const item = subgroup ? "subgroup_invocation_id" : "local_invocation_index";
  const inputs = [
    ...(grid.count > 1 ? ["@builtin(workgroup_id) group: vec3u"] : []),
    ...(team > 1 ? [`@builtin(${item}) local: u32`] : []),
  ];
  return `fn main(${inputs.join(", ")})`;
}

/** The workgroups of a kernel: along x, and also along y if x alone does not allow that many. */
export function workgroupsOf({ grid: { count } }: Kernel): readonly [number, number] {
  if (count <= mostWorkgroups) return [count, 1];
  const least = Math.ceil(count / mostWorkgroups);
  // If there is a divisor nearby, no workgroup is left without a block.
  for (let y = least; y < 2 * least; y += 1) if (count % y === 0) return [count / y, y];
  return [Math.ceil(count / least), least];
}

function blockIndex({ kernel, expressions }: Printer, [x, y]: readonly [number, number]): string[] {
  const { index, count } = kernel.grid;
  if (count === 1) return [];
  const own = expressions.nameOf(index);
  if (y === 1) return [`let ${own} = i32(group.x);`];
  const lines = [`let ${own} = i32(group.y * ${x}u + group.x);`];
  // All invocations of a workgroup leave together, so barriers stay in uniform control flow.
  if (x * y > count) lines.push(`if (${own} >= ${count}) { return; }`);
  return lines;
}

/** Loads and stores of a vec in an array of single elements. */
function accessors(array: string, used: ReadonlySet<string>): string[] {
  const load = block(`fn ${array}_load(at: i32) -> vec4f`, [
    `return vec4f(${array}[at], ${array}[at + 1], ${array}[at + 2], ${array}[at + 3]);`,
  ]);
  const lanes = [0, 1, 2, 3].map((k) => `${array}[at${k === 0 ? "" : ` + ${k}`}] = value[${k}];`);
  const store = block(`fn ${array}_store(at: i32, value: vec4f)`, lanes);
  return [
    ...(used.has(`${array}_load`) ? [...load, ""] : []),
    ...(used.has(`${array}_store`) ? [...store, ""] : []),
  ];
}

function storesVecsAlone(kernel: Kernel): boolean {
  let alone = true;
  walkStatements(kernel.body, (statement) => {
    if (statement.kind === "store" && statement.place.kind === "scratch" && statement.value.type !== "vec")
      alone = false;
  });
  return alone;
}

/** Prints a body. `more` says whether a team loop follows it, so that its last one needs a barrier too. */
function printBody(body: readonly Statement[], printer: Printer, more: boolean): string[] {
  return body.flatMap((statement, at) =>
    printStatement(statement, printer, more || body.slice(at + 1).some(holdsTeam)),
  );
}

function holdsTeam(statement: Statement): boolean {
  if (statement.kind === "team") return true;
  return statement.kind === "for" && statement.body.some(holdsTeam);
}

function printStatement(statement: Statement, printer: Printer, more: boolean): string[] {
  const { expressions, changing } = printer;
  switch (statement.kind) {
    case "comment":
      return comment([statement.text]);
    case "let": {
      const { register } = statement;
      const hoisted = expressions.hoistShared(statement);
      const text = expressions.code(statement.value).text;
      const own = expressions.nameOf(register);
      return [
        ...hoisted,
        changing.has(register.name)
          ? `var ${own} = ${typed(register, statement.value, text)};`
          : `let ${own} = ${typed(register, statement.value, text)};`,
      ];
    }
    case "set":
      return printSet(statement, printer);
    case "store": {
      const hoisted = expressions.hoistShared(statement);
      return [...hoisted, expressions.store(statement.place, statement.address, statement.value)];
    }
    case "prefetch":
      return [];
    case "for": {
      const own = expressions.nameOf(statement.index);
      // In a loop, the last team loop of an iteration is followed by the first of the next.
      const body = printBody(statement.body, printer, more || holdsTeam(statement));
      return block(`for (var ${own} = zero; ${own} < ${countOf(statement, expressions)}; ${own}++)`, body);
    }
    case "team":
      return printTeam(statement, printer, more);
    case "guard": {
      const hoisted = expressions.hoistShared(statement);
      const head = `if (${expressions.code(statement.if).text})`;
      const then = block(head, printBody(statement.then, printer, false));
      const otherwise = statement.otherwise ? printBody(statement.otherwise, printer, false) : [];
      if (otherwise.length === 0) return [...hoisted, ...then];
      return [...hoisted, ...then.slice(0, -1), ...block("} else", otherwise)];
    }
    default:
      return statement satisfies never;
  }
}

/** Gives a literal a type, because a literal alone has none. */
function typed(register: Register, value: Value, text: string): string {
  return value.kind === "const" && register.type === "f32" ? `f32(${text})` : text;
}

function printTeam(
  statement: Extract<Statement, { kind: "team" }>,
  printer: Printer,
  more: boolean,
): string[] {
  const { kernel, expressions } = printer;
  const { index, limit } = statement;
  const count = countOf(statement, expressions);
  const own = expressions.nameOf(index);
  const body = printBody(statement.body, printer, false);
  if (kernel.team === 1) return block(`for (var ${own} = zero; ${own} < ${count}; ${own}++)`, body);
  const barrier = more ? barriers(kernel) : [];
  if (limit || statement.count > kernel.team)
    return [
      ...block(`for (var ${own} = invocation; ${own} < ${count}; ${own} += ${kernel.team})`, body),
      ...barrier,
    ];
  const inside = [`let ${own} = invocation;`, ...body];
  if (statement.count === kernel.team) return ["{", ...indent(inside), "}", ...barrier];
  return [...block(`if (invocation < ${count})`, inside), ...barrier];
}

/** How often a loop runs. */
function countOf(
  { count, limit }: { readonly count: number; readonly limit?: Register },
  { nameOf }: Expressions,
): string {
  return limit ? nameOf(limit) : String(count);
}

/** Barriers for the memory that other items must see before the next team loop: scratch, and what the kernel reads back. */
function barriers(kernel: Kernel): string[] {
  return [
    ...(kernel.scratch > 0 ? ["workgroupBarrier();"] : []),
    ...(kernel.parameters.some(({ access }) => access === "read_write") ? ["storageBarrier();"] : []),
  ];
}

/** An assignment; a sum whose first or last term is its own target becomes `+=`. */
function printSet(statement: Extract<Statement, { kind: "set" }>, { expressions }: Printer): string[] {
  const { register, value } = statement;
  const own = expressions.nameOf(register);
  const hoisted = expressions.hoistShared(statement);
  const isOwn = (operand: Value): boolean => operand.kind === "register" && operand.name === register.name;
  const added =
    value.kind === "madd" && isOwn(value.c)
      ? ({ kind: "binary", type: value.type, fn: "mul", a: value.a, b: value.b } as const)
      : value.kind === "binary" && value.fn === "add" && isOwn(value.a)
        ? value.b
        : value.kind === "int" && value.fn === "add" && isOwn(value.a)
          ? value.b
          : undefined;
  if (!added) return [...hoisted, `${own} = ${expressions.code(value).text};`];
  const isNegative = added.kind === "const" && added.type === "i32" && added.value < 0;
  const text = expressions.code(added).text;
  return [...hoisted, isNegative ? `${own} -= ${text.slice(1)};` : `${own} += ${text};`];
}

function roundUp(elements: number): number {
  return Math.ceil(elements / 4) * 4;
}
