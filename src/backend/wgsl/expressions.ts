// Values of the kernel IR as WGSL expressions.

import { bug } from "#diagnostic/diagnostic.js";
import { given } from "#diagnostic/given.js";
import type { Address, IntegerElement, Kernel, Place, Register, Statement, Value } from "#kernel/ir/ir.js";
import { countUses } from "#kernel/ir/walk.js";
import type { Code } from "../text.js";
import { call, element, name } from "../text.js";
import type { BindingPattern } from "./bindings.js";
import { isWords } from "./bindings.js";
import type { Words } from "./bytes.js";
import { binary, float, integer, integerSum, negative, plus, unsigned } from "./code.js";
import type { Helper } from "./helpers.js";
import { helperName } from "./helpers.js";

export interface ExpressionOptions {
  readonly kernel: Kernel;
  readonly pattern: BindingPattern;
  /** Whether scratch is an array of vecs, or of single elements. */
  readonly scratchVecs: boolean;
  readonly fresh: (wish: string) => string;
}

export interface Expressions {
  /** Names of the functions that the shader must define: helpers, and loads and stores of vecs in arrays of elements. */
  readonly used: ReadonlySet<string>;
  nameOf(register: Register): string;
  /** The name of the variable that holds a parameter's base offset. */
  baseOf(parameter: string): string;
  code(value: Value): Code;
  store(place: Place, address: Address, value: Value): string;
  /** Declarations of values that the statement would else compute twice. */
  hoistShared(statement: Statement): string[];
}

/** Where the elements of a place are stored. */
interface Array {
  readonly name: string;
  readonly vecs: boolean;
  /** Whether its vecs are E4, and not vec4f. */
  readonly halves?: boolean;
  /** Present if it holds words; then the integers of the place, which are f32 if absent. */
  readonly words?: Words;
  readonly element?: IntegerElement;
  /** A variable to be added to the address. */
  readonly base?: string;
}

export function createExpressions({ kernel, pattern, scratchVecs, fresh }: ExpressionOptions): Expressions {
  const used = new Set<string>();
  const names = new Map<string, string>();
  const bases = new Map(kernel.parameters.map((parameter) => [parameter.name, fresh(parameter.name)]));
  const hoisted = new Map<Value, Code>();

  function nameOf(register: Register): string {
    const text = names.get(register.name) ?? fresh(register.name);
    names.set(register.name, text);
    return text;
  }

  function baseOf(parameter: string): string {
    return bases.get(parameter) ?? bug(`${kernel.name} has no parameter ${parameter}`);
  }

  function arrayOf(place: Place): Array {
    if (place.kind === "scratch") return { name: "S", vecs: scratchVecs };
    if (place.kind === "doubles") return bug("WGSL has no float64");
    const at = kernel.parameters.findIndex((parameter) => parameter.name === place.name);
    const binding = pattern.bindings[pattern.of[at] ?? -1] ?? bug(`${place.name} is not bound`);
    const base = baseOf(place.name);
    if (isWords(binding.element))
      return {
        name: binding.name,
        vecs: true,
        words: binding.element,
        ...given({ element: place.element }),
        base,
      };
    const halves = binding.element === "E4";
    return { name: binding.name, vecs: halves || binding.element === "vec4f", halves, base };
  }

  /** The part of an address before its constant: the parameter's base plus the base of the address. */
  function start(array: Array, base: Value | undefined): Code | undefined {
    const own = array.base === undefined ? undefined : name(array.base);
    if (!base) return own;
    return own ? integerSum(own, code(base)) : code(base);
  }

  function at(from: Code | undefined, offset: number): Code {
    return from ? plus(from, offset) : integer(offset);
  }

  /**
   * The index of the vec that contains an element. The offset's whole vecs are added after the shift, so that neighbouring accesses share
   * the expression before it.
   */
  function vecIndex(from: Code | undefined, offset: number): Code {
    if (!from) return integer(Math.floor(offset / 4));
    const rest = ((offset % 4) + 4) % 4;
    return plus(binary(">>", plus(from, rest), unsigned(2)), (offset - rest) / 4);
  }

  /** The index of the vec at an address, in an array of vecs. */
  function vecAt(from: Code | undefined, { offset, vecs }: Address): Code {
    const index = vecIndex(from, offset);
    return vecs ? integerSum(index, name(nameOf(vecs))) : index;
  }

  /** The index of the element at an address, in an array of elements. */
  function elementAt(from: Code | undefined, { offset, vecs }: Address): Code {
    const index = at(from, offset);
    return vecs ? integerSum(index, binary("*", integer(4), name(nameOf(vecs)))) : index;
  }

  function use(name: string): string {
    used.add(name);
    return name;
  }

  /** The word with the element at an address, or the four elements from there on if these are bytes. */
  function wordAt(array: Array, from: Code | undefined, address: Address): Code {
    const index = array.element ? vecAt(from, address) : elementAt(from, address);
    return array.words === "u32" ? element(array.name, index) : call(use(`${array.name}_word`), index);
  }

  function loadWords(array: Array, from: Code | undefined, address: Address, type: "f32" | "vec"): Code {
    if (array.element === "i8" || array.element === "u8")
      return type === "vec"
        ? call(use(`${array.element}_lanes`), wordAt(array, from, address))
        : call(use(`${array.name}_${array.element}`), elementAt(from, address));
    if (array.element) return bug(`a number of ${array.element} in ${array.name}`);
    return type === "vec"
      ? call("bitcast<vec4f>", element(array.name, vecAt(from, address)))
      : call("bitcast<f32>", wordAt(array, from, address));
  }

  function loadIntegers({ type, place, address }: Extract<Value, { kind: "load_integers" }>): Code {
    const array = arrayOf(place);
    const from = start(array, address.base);
    if (type === "i32x4") return call("bitcast<vec4i>", element(array.name, vecAt(from, address)));
    return element(array.name, binary(">>", elementAt(from, address), unsigned(4)));
  }

  function loadWord({ place, address, lessHalf }: Extract<Value, { kind: "load_word" }>): Code {
    const array = arrayOf(place);
    const word = wordAt(array, start(array, address.base), address);
    return call("bitcast<i32>", lessHalf ? name(`${word.text} ^ 0x80808080u`) : word);
  }

  function storeWords(array: Array, from: Code | undefined, address: Address, value: Value): string {
    const text = code(value).text;
    if (value.type !== "vec")
      return `${use(`${array.name}_set`)}(${elementAt(from, address).text}, ${text});`;
    const place = element(array.name, vecAt(from, address)).text;
    const word = call(use("pack_word"), name(text)).text;
    return array.words === "u32" ? `${place} = ${word};` : `atomicStore(&${place}, ${word});`;
  }

  function loadVec(place: Place, address: Address): Code {
    const array = arrayOf(place);
    const from = start(array, address.base);
    if (array.words) return loadWords(array, from, address, "vec");
    if (array.vecs) {
      const vec = element(array.name, vecAt(from, address));
      return array.halves ? call("vec4f", vec) : vec;
    }
    used.add(`${array.name}_load`);
    return call(`${array.name}_load`, elementAt(from, address));
  }

  /** The text of the element at an address, as it is stored. */
  function elementPlace(array: Array, from: Code | undefined, address: Address): string {
    if (!array.vecs) return element(array.name, elementAt(from, address)).text;
    const vec = element(array.name, vecAt(from, address)).text;
    const rest = ((address.offset % 4) + 4) % 4;
    return from
      ? `${vec}[${binary("&", plus(from, rest), integer(3)).text}]`
      : `${vec}.${"xyzw"[rest] ?? ""}`;
  }

  function oneElement(place: Place, address: Address): Code {
    const array = arrayOf(place);
    if (array.words) return loadWords(array, start(array, address.base), address, "f32");
    const stored = name(elementPlace(array, start(array, address.base), address));
    return array.halves ? call("f32", stored) : stored;
  }

  function store(place: Place, address: Address, value: Value): string {
    const array = arrayOf(place);
    const from = start(array, address.base);
    if (array.words) return storeWords(array, from, address, value);
    const text = code(value).text;
    if (value.type !== "vec") {
      const stored = array.halves ? `E4_of(vec4f(${text})).x` : text;
      return `${elementPlace(array, from, address)} = ${stored};`;
    }
    if (array.vecs) {
      const stored = array.halves ? `E4_of(${text})` : text;
      return `${element(array.name, vecAt(from, address)).text} = ${stored};`;
    }
    used.add(`${array.name}_store`);
    return `${array.name}_store(${elementAt(from, address).text}, ${text});`;
  }

  function code(value: Value): Code {
    const before = hoisted.get(value);
    if (before) return before;
    switch (value.kind) {
      case "register":
        return name(nameOf(value));
      case "const":
        if (value.type === "bool") return name(value.value ? "true" : "false");
        if (value.type === "i32") return integer(value.value);
        if (Number.isNaN(value.value)) used.add("nan_bits");
        return float(value.value);
      case "load":
        return value.type === "vec"
          ? loadVec(value.place, value.address)
          : oneElement(value.place, value.address);
      case "load_i32":
        return oneElement(value.place, value.address);
      case "unary":
        return unary(value.fn, code(value.x), value.type);
      case "binary":
        return float2(value);
      case "int":
        return integer2(value);
      case "compare":
        return binary(compareOperators[value.fn], code(value.a), code(value.b));
      case "logic":
        return binary(value.fn === "and" ? "&&" : "||", code(value.a), code(value.b));
      case "select":
        return call("select", code(value.otherwise), code(value.then), code(value.if));
      case "select_compare": {
        const condition = binary(compareOperators[value.fn], code(value.a), code(value.b));
        return call("select", code(value.otherwise), code(value.then), condition);
      }
      case "madd":
        return binary("+", binary("*", factor(value.a), factor(value.b)), code(value.c));
      case "splat":
        return call("vec4f", code(value.x));
      case "lane":
        return name(`${postfix(code(value.x))}.${"xyzw"[value.index] ?? bug("a vec has four lanes")}`);
      case "swizzle":
        return name(`${postfix(code(value.x))}.${value.lanes.map((lane) => "xyzw"[lane] ?? "").join("")}`);
      case "horizontal":
        return horizontal(value);
      case "broadcast":
        return call("subgroupBroadcast", code(value.x), unsigned(value.item));
      case "to_f32":
        return call(value.type === "vec" ? "vec4f" : "f32", code(value.x));
      case "to_i32":
        return call("i32", code(value.x));
      case "load_integers":
        return loadIntegers(value);
      case "load_word":
        return loadWord(value);
      case "pack_word":
        return call("bitcast<i32>", call(use("pack_word"), code(value.x)));
      case "dot_words":
        return call("dot_words", code(value.a), code(value.b), code(value.c));
      case "to_integers":
        return call("vec4i", code(value.x));
      case "binary_integers":
        return binary(value.fn === "add" ? "+" : "-", code(value.a), code(value.b));
      case "integers":
        return call("vec4i", integer(value.value));
      case "widen_integers":
      case "shuffle":
      case "shift_integers":
      case "nearest":
      case "dot_pairs":
      case "dot_fours":
        return bug("this target has no registers of 16 bytes");
      case "lookup":
        return bug("this target has no lookups");
      default:
        return value satisfies never;
    }
  }

  /** An operand of `*`: a splat can stay a scalar, as WGSL multiplies vecs by scalars. */
  function factor(value: Value): Code {
    return value.kind === "splat" && !hoisted.has(value) ? code(value.x) : code(value);
  }

  function float2(value: Extract<Value, { kind: "binary" }>): Code {
    const { fn, a, b, type } = value;
    switch (fn) {
      case "add":
      case "sub":
      case "mul":
      case "div": {
        const operator = ({ add: "+", sub: "-", mul: "*", div: "/" } as const)[fn];
        // Of two splats one must become a vec.
        const right = a.kind === "splat" ? code(b) : factor(b);
        return binary(operator, factor(a), right);
      }
      case "min":
      case "max":
        return call(fn, code(a), code(b));
      case "pow":
        return helper("power", type, code(a), code(b));
      default:
        return fn satisfies never;
    }
  }

  function integer2({ fn, a, b }: Extract<Value, { kind: "int" }>): Code {
    switch (fn) {
      case "add":
        return b.kind === "const" ? plus(code(a), b.value) : integerSum(code(a), code(b));
      case "sub":
        return binary("-", code(a), code(b));
      case "mul":
        return binary("*", code(a), code(b));
      case "div":
        return binary("/", code(a), code(b));
      case "rem":
        return binary("%", code(a), code(b));
      case "min":
      case "max":
        return call(fn, code(a), code(b));
      case "shl":
      case "shr":
        return binary(
          fn === "shl" ? "<<" : ">>",
          code(a),
          b.kind === "const" ? unsigned(b.value) : call("u32", code(b)),
        );
      case "and":
        return binary("&", code(a), code(b));
      default:
        return fn satisfies never;
    }
  }

  function unary(fn: Extract<Value, { kind: "unary" }>["fn"], x: Code, type: "f32" | "vec"): Code {
    switch (fn) {
      case "neg":
        return negative(x);
      case "erf":
        return helper("erf", type, x);
      case "sin":
        return helper("sine", type, x);
      case "cos":
        return helper("cosine", type, x);
      case "tanh":
        return helper("hyperbolic_tangent", type, x);
      case "f32":
        return x;
      default:
        return call(fn, x);
    }
  }

  function helper(which: Helper, type: "f32" | "vec", ...operands: readonly Code[]): Code {
    const text = helperName(which, type);
    used.add(text);
    return call(text, ...operands);
  }

  function horizontal({ fn, x }: Extract<Value, { kind: "horizontal" }>): Code {
    const of = (index: number): Code => name(`${postfix(code(x))}.${"xyzw"[index] ?? ""}`);
    if (fn === "add") return binary("+", binary("+", of(0), of(1)), wrapped(binary("+", of(2), of(3))));
    return call(fn, call(fn, of(0), of(1)), call(fn, of(2), of(3)));
  }

  function hoistShared(statement: Statement): string[] {
    hoisted.clear();
    const lines: string[] = [];
    for (const [value, uses] of countUses(statement)) {
      // A vec that is used lane by lane is printed once for each lane.
      if (uses < 2 || value.kind === "splat") continue;
      const own = fresh("t");
      lines.push(`let ${own} = ${code(value).text};`);
      hoisted.set(value, name(own));
    }
    return lines;
  }

  return { used, nameOf, baseOf, code, store, hoistShared };
}

const compareOperators = { lt: "<", le: "<=", eq: "==", ne: "!=" } as const;

/** The text before a `.x`. */
function postfix(code: Code): string {
  return wrapped(code).text;
}

function wrapped(code: Code): Code {
  return code.level < 20 ? name(`(${code.text})`) : code;
}
