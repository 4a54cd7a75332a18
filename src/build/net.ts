// The graph builder: a net from a program. Each call is a statement of the language, which is elaborated at once; so both have one meaning.

import { expectArgument, expectText } from "#diagnostic/argument.js";
import { placeOfCall } from "#diagnostic/call-place.js";
import type { Diagnostic, Result } from "#diagnostic/diagnostic.js";
import { hasErrors } from "#diagnostic/diagnostic.js";
import { given } from "#diagnostic/given.js";
import type { OptionKinds } from "#diagnostic/options.js";
import { aText, expectOptions } from "#diagnostic/options.js";
import { ownEntry } from "#diagnostic/own-entry.js";
import type { Elaborated, ElaborateOptions, OpenNet } from "#elaborate/elaborate.js";
import { elaborateKinds, openNet } from "#elaborate/elaborate.js";
import type { CallExpression, Expression, Statement } from "#grammar/ast.js";
import type { OpName } from "#ir/graph.js";
import type { Preprocess } from "#ir/preprocess.js";
import type { DType, IntegerType, Shape, TensorType } from "#ir/type.js";
import { dtypes, elements, isDType, isInteger, isOf } from "#ir/type.js";
import { opNames, opOf } from "#ops/index.js";
import type { OpCalls } from "./op-calls.js";
import type { TensorValues } from "./operand.js";
import { attributeOf, isAttributes, listsOf, tensorOf } from "./operand.js";
import type { Text, Writer } from "./text.js";
import { aCall, aLiteral, aName, aNumber, aString, aType, aUse, createText } from "./text.js";

/** A value of the net under construction. Each op is a method, whose first operand is the value. */
export interface Value extends OpCalls {
  /** The name of its binding. */
  readonly name: string;
  /** Its type; an open batch is 1 in it. After an error, a scalar. */
  readonly type: TensorType;
  readonly shape: Shape;
}

/** What a call takes as an operand. */
export type Operand = Value | number | TensorValues;

/** The ops as functions of all operands. */
type OpFunctions = {
  readonly [O in keyof OpCalls]: (x: Operand, ...rest: Parameters<OpCalls[O]>) => Value;
};

/** Extents, or extents with an element type; f32 by default. A text is the symbol of an extent: `"N"`. */
export type GivenType =
  | readonly (number | string)[]
  | { readonly dtype?: DType; readonly shape: readonly (number | string)[] };

/** Where the values of a parameter come from. */
export type GivenWeights =
  /** Values in the program; a number fills the tensor. */
  | number
  | TensorValues
  /** An entry of the weight file. */
  | { readonly weight: string }
  /** Seeded values. */
  | {
      readonly generator: "he_normal" | "zeros" | "ones" | "quarter";
      readonly seed?: number;
      readonly fanIn?: number;
    };

/** What a net is built with. */
export interface NetBuilder extends OpFunctions {
  /** An input: `n.input("image", ["N", 8, 8, 3])`. `preprocess` says how pictures become its values. */
  input(name: string, type: GivenType, options?: { readonly preprocess?: Partial<Preprocess> }): Value;
  /** A parameter; without `from` it is looked up in the weight file by its name, or seeded. */
  param(name: string, type: GivenType, from?: GivenWeights): Value;
  /** An output of the net, with the names of its classes if it has some. */
  output(name: string, value: Operand, options?: { readonly labels?: readonly string[] }): void;
}

/** What `net` takes. */
export interface NetOptions extends Omit<ElaborateOptions, "net"> {
  /** The name of the text in messages; by default the name of the net, with `.net`. */
  readonly file?: string;
}

/** A net that a program built, and the text that says the same, into which messages and origins point. */
export interface BuiltNet extends Result<Elaborated> {
  readonly sources: ReadonlyMap<string, string>;
}

const { net: _net, ...elaborateRest } = elaborateKinds;
const netKinds: OptionKinds<NetOptions> = { ...elaborateRest, file: aText };

/**
 * Builds a net: `build` makes values and outputs. Errors in operands and attributes are diagnostics, as in a text, with the place of the
 * call; a wrong use of the builder itself is a `TypeError`.
 */
export function net(name: string, build: (n: NetBuilder) => void, options: NetOptions = {}): BuiltNet {
  expectText("net", "the name of the net", name);
  expectArgument("net", "a function that builds the net", build, typeof build === "function");
  expectOptions("net", options, netKinds);
  const text = createText(options.file ?? `${name}.net`);
  text.write("net ");
  const open = openNet(aName(name)(text), options);
  text.write(" {\n");
  const site: Site = { name, open, text, places: new Map(), values: new Map(), isOpen: true };
  try {
    const returned: unknown = build(builderOf(site));
    if (returned instanceof Promise)
      throw new TypeError("net takes a function that builds the net at once, not an async one");
  } catch (thrown) {
    // After an error it may be a consequence, as where a program reads an extent of a value that has none.
    if (!hasErrors(open.diagnostics)) throw thrown;
  } finally {
    site.isOpen = false;
  }
  text.write("}\n");
  const { value, diagnostics } = open.finish();
  return {
    ...given({ value }),
    diagnostics: diagnostics.map((one) => withPlace(one, site.places.get(one))),
    sources: new Map([[text.file, text.read()]]),
  };
}

/** A net under construction. */
interface Site {
  readonly name: string;
  readonly open: OpenNet;
  readonly text: Text;
  /** The places of the calls that errors are about. */
  readonly places: Map<Diagnostic, string>;
  /** The values by the names of their bindings; undefined for a name of something else. */
  readonly values: Map<string, BuiltValue | undefined>;
  isOpen: boolean;
}

/** A function that the caller called, to find the place of the call. */
type Callee = (...of: never) => unknown;

class BuiltValue {
  readonly site: Site;
  readonly type: TensorType;
  /** The name of its binding, which changes if an output takes the name. */
  name: string;

  constructor(site: Site, name: string, type: TensorType) {
    this.site = site;
    this.name = name;
    this.type = type;
  }

  get shape(): Shape {
    return this.type.shape;
  }
}

/** The ops that nets call. */
const called = opNames.filter((op) => op !== "input" && op !== "constant");

for (const op of called) {
  const value = function method(this: BuiltValue, ...rest: readonly unknown[]): Value {
    return callOp(this.site, op, [this, ...rest], method);
  };
  Object.defineProperty(BuiltValue.prototype, op, { value });
}

function builderOf(site: Site): NetBuilder {
  const functions = called.map((op) => {
    const call = (...all: readonly unknown[]): Value => callOp(site, op, all, call);
    return [op, call] as const;
  });
  const input: NetBuilder["input"] = (name, type, options = {}) => {
    expectText("input", "the name of the input", name);
    const { dtype, shape } = typeOf("input", type);
    return run(site, input, name, (text) => {
      const start = text.at();
      text.write("input ");
      const bound = aName(name)(text);
      text.write(": ");
      const written = aType(dtype, shape)(text);
      const { preprocess } = options;
      if (preprocess) text.write(" ");
      const said = preprocess && aCall("preprocess", [], settingsOf(preprocess))(text);
      return {
        kind: "input",
        name: bound,
        type: written,
        ...given({ preprocess: said }),
        span: text.since(start),
      };
    });
  };
  const param: NetBuilder["param"] = (name, type, from) => {
    expectText("param", "the name of the parameter", name);
    return addParam(site, param, name, typeOf("param", type), from);
  };
  const output: NetBuilder["output"] = (name, value, options = {}) => {
    expectText("output", "the name of the output", name);
    const operand = operandOf(site, "output", value, name, output);
    setAside(site, name, value, output);
    const { labels } = options;
    run(site, output, undefined, (text) => {
      const start = text.at();
      text.write("output ");
      const bound = aName(name)(text);
      if (labels) text.write(" ");
      const classes = labels && aCall("labels", labels.map(aString))(text);
      text.write(" = ");
      const outputs = [{ name: bound, ...given({ labels: classes }), value: operand(text) }];
      return { kind: "output", outputs, span: text.since(start) };
    });
    if (!site.values.has(name)) site.values.set(name, undefined);
  };
  return { ...Object.fromEntries(functions), input, param, output } as unknown as NetBuilder;
}

/** A call of an op: operands, then perhaps attributes. */
function callOp(site: Site, op: OpName, given: readonly unknown[], callee: Callee): Value {
  const last = given.at(-1);
  const attributes = isAttributes(last) ? last : {};
  const operands = isAttributes(last) ? given.slice(0, -1) : given;
  const { name, ...rest } = attributes;
  if (name !== undefined) expectText(op, "a text as `name`", name);
  const binding = unique(site, typeof name === "string" ? name : undefined);
  const kinds = { ...opOf(op).attributes, ...opOf(op).layer?.attributes };
  const named = Object.entries(rest).flatMap(([key, value]) => {
    if (value === undefined) return [];
    const written = attributeOf(value, ownEntry(kinds, key));
    expectArgument(
      op,
      `${key} as a number, a text, true, false or a list of numbers`,
      value,
      written !== undefined,
    );
    return written ? [[key, written] as const] : [];
  });
  const positional = operands.map((operand, at) => {
    const described = opOf(op).operands[Math.min(at, opOf(op).operands.length - 1)]?.name ?? `${at}`;
    return operandOf(site, op, operand, `${binding}.${described}`, callee);
  });
  return run(site, callee, binding, bindingOf(binding, aCall(op, positional, named)));
}

/** `name = value`. */
function bindingOf(name: string, value: Writer<CallExpression> | Writer): Writer<Statement> {
  return (text) => {
    const start = text.at();
    const bound = aName(name)(text);
    text.write(" = ");
    return { kind: "bind", name: bound, value: value(text), span: text.since(start) };
  };
}

/** Writes a statement, runs it, and returns the value that it binds to `name`. */
function run(site: Site, callee: Callee, name: string | undefined, write: Writer<Statement>): Value {
  const { open, text, places } = site;
  if (!site.isOpen) throw new TypeError(`net ${site.name} is finished`);
  const before = open.diagnostics.length;
  text.write("  ");
  const statement = write(text);
  text.write("\n");
  open.run(statement);
  if (open.diagnostics.length > before) {
    const place = placeOfCall(callee);
    if (place !== undefined) for (const one of open.diagnostics.slice(before)) places.set(one, place);
  }
  const type = name === undefined ? undefined : open.typeOf(name);
  const value = new BuiltValue(site, name ?? "", type ?? { dtype: "f32", shape: [] });
  if (name !== undefined) site.values.set(name, value);
  return value as unknown as Value;
}

/** The largest constants that are written as numbers. */
const mostWritten = 16;

/** An operand as an expression. `name` is that of the parameter that a large constant becomes. */
function operandOf(site: Site, call: string, operand: unknown, name: string, callee: Callee): Writer {
  if (operand instanceof BuiltValue) {
    if (operand.site !== site)
      throw new TypeError(`${call} takes values of net ${site.name}, not of another net`);
    return aUse(operand.name);
  }
  if (typeof operand === "number") return aNumber(operand);
  const tensor = tensorOf(operand);
  expectArgument(call, "values of the net, numbers and tensors as operands", operand, tensor !== undefined);
  if (!tensor) return aNumber(0);
  const isWritten = tensor.data.length <= mostWritten && tensor.data.length > 0 && tensor.shape.length > 0;
  if (isWritten) return listsOf(tensor);
  const type = { dtype: "f32", shape: tensor.shape } as const;
  return aUse(addParam(site, callee, unique(site, name), type, tensor).name);
}

function addParam(
  site: Site,
  callee: Callee,
  name: string,
  type: { readonly dtype: DType; readonly shape: readonly (number | string)[] },
  from: unknown,
): Value {
  const value = from === undefined ? undefined : weightsOf(site, name, type, from);
  return run(site, callee, name, (text) => {
    const start = text.at();
    text.write("param ");
    const bound = aName(name)(text);
    text.write(": ");
    const written = aType(type.dtype, type.shape)(text);
    if (value) text.write(" = ");
    const said: Expression | undefined = value?.(text);
    return { kind: "param", name: bound, type: written, ...given({ value: said }), span: text.since(start) };
  });
}

/** The source of a parameter's values as an expression. */
function weightsOf(
  site: Site,
  name: string,
  { dtype, shape }: { readonly dtype: DType; readonly shape: readonly (number | string)[] },
  from: unknown,
): Writer {
  const extents = shape.map(Number);
  if (typeof from === "number")
    return stored(site, name, { dtype, shape: extents }, new Float32Array(elements(extents)).fill(from));
  if (isAttributes(from)) {
    const { weight, generator, seed, fanIn } = from;
    if (typeof weight === "string") return aCall("weight", [aString(weight)]);
    if (typeof generator === "string") {
      const numbers = Object.entries({ seed, fan_in: fanIn }).filter(([, one]) => typeof one === "number");
      return aCall(
        generator,
        [],
        numbers.map(([key, one]) => [key, aNumber(Number(one))] as const),
      );
    }
  }
  const tensor = tensorOf(from);
  expectArgument(
    "param",
    "numbers, a tensor, `{ weight: key }` or `{ generator }` as values",
    from,
    tensor !== undefined,
  );
  if (!tensor) return aNumber(0);
  const { data } = tensor;
  const isFlat = tensor.shape.length === 1 && elements(extents) === data.length;
  const own = isFlat ? extents : tensor.shape;
  if (data.length <= mostWritten && own.length > 0) return listsOf({ shape: own, data });
  return stored(site, name, { dtype, shape: own }, Float32Array.from(data));
}

/** Values in the store, which the text names. */
function stored(site: Site, name: string, type: TensorType, data: Float32Array): Writer {
  const wrong = isInteger(type.dtype)
    ? data.find((value) => !isOf(type.dtype as IntegerType, value))
    : undefined;
  if (wrong !== undefined) throw new TypeError(`param takes integers of type ${type.dtype}, not ${wrong}`);
  return aCall("stored", [aString(site.open.store.add(name, type, { kind: "literal", data }))]);
}

/** A name that no binding has: as in a text, the k-th `x` is `x.k`. */
function unique(site: Site, wish: string | undefined): string {
  const { values } = site;
  if (wish !== undefined && !values.has(wish)) return wish;
  for (let count = wish === undefined ? 1 : 2; ; count += 1) {
    const name = wish === undefined ? `x${count}` : `${wish}.${count}`;
    if (!values.has(name)) return name;
  }
}

/** Gives a value whose name an output of another value takes a binding of its own. */
function setAside(site: Site, name: string, output: unknown, callee: Callee): void {
  const value = site.values.get(name);
  if (!value || value === output) return;
  const other = unique(site, name);
  run(site, callee, other, bindingOf(other, aUse(name)));
  site.values.set(other, value);
  site.values.set(name, undefined);
  value.name = other;
}

function settingsOf(preprocess: Partial<Preprocess>): (readonly [string, Writer])[] {
  return Object.entries(preprocess).flatMap(([key, value]) => {
    const written = typeof value === "string" ? aLiteral(value) : attributeOf(value, undefined);
    expectArgument(
      "input",
      `${key} of preprocess as a number, a text or a list of numbers`,
      value,
      written !== undefined,
    );
    return written ? [[key, written] as const] : [];
  });
}

function typeOf(
  call: string,
  type: GivenType,
): { readonly dtype: DType; readonly shape: readonly (number | string)[] } {
  const whole: { readonly dtype?: unknown; readonly shape?: unknown } = Array.isArray(type)
    ? { shape: type }
    : ((type as object) ?? {});
  const { dtype = "f32", shape } = whole;
  const isShape =
    Array.isArray(shape) && shape.every((extent) => typeof extent === "number" || typeof extent === "string");
  expectArgument(call, 'a shape such as ["N", 8, 8, 3], or { dtype, shape }', type, isShape);
  const isType = typeof dtype === "string" && isDType(dtype);
  expectArgument(call, `dtype as one of ${dtypes.join(", ")}`, dtype, isType);
  return { dtype: dtype as DType, shape: shape as (number | string)[] };
}

function withPlace(diagnostic: Diagnostic, place: string | undefined): Diagnostic {
  if (place === undefined) return diagnostic;
  return { ...diagnostic, help: [...(diagnostic.help ?? []), `called at ${place}`] };
}
