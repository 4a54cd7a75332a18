// A function as text of WebAssembly (WAT), for people: one instruction a line, as the binary has them.

import { bug } from "#diagnostic/diagnostic.js";
import type { WasmFunction } from "./binary.js";
import type { Code } from "./code.js";
import type { Opcode } from "./opcodes.js";
import { opcodes } from "./opcodes.js";

export interface WatNames {
  readonly name: string;
  /** Those of the parameters, in order; other locals are numbered. */
  readonly parameters: readonly string[];
  /** Those of the functions that it calls, by index. */
  readonly functions: readonly string[];
}

/** The text of a function. */
export function watText({ parameters, results, locals, body }: WasmFunction, names: WatNames): string {
  const localName = (index: number): string => {
    const name = names.parameters[index];
    return name === undefined ? String(index) : `$${identifier(name)}`;
  };
  const head = [
    `func $${identifier(names.name)}`,
    ...parameters.map((type, at) => `(param ${localName(at)} ${type})`),
    ...results.map((type) => `(result ${type})`),
  ].join(" ");
  const lines = [`(${head}`];
  if (locals.length > 0) lines.push(`  (local ${locals.join(" ")})`);
  let depth = 1;
  const reader = createReader(body);
  while (!reader.isDone()) {
    const name = reader.opcode();
    const immediates = immediatesOf(
      name,
      reader,
      localName,
      (index) => `$${identifier(names.functions[index] ?? String(index))}`,
    );
    if (name === "end" || name === "else") depth -= 1;
    lines.push(`${"  ".repeat(depth)}${[name, ...immediates].join(" ")}`);
    if (name === "block" || name === "loop" || name === "if" || name === "else") depth += 1;
  }
  lines.push(")");
  return lines.join("\n");
}

/** A name with the characters of an identifier only. */
function identifier(name: string): string {
  return name.replaceAll(/[^\w.$-]/g, "_");
}

interface Reader {
  isDone(): boolean;
  opcode(): Opcode;
  unsigned(): number;
  signed(): number;
  bytes(count: number): DataView;
}

const names = new Map<string, Opcode>(
  (Object.entries(opcodes) as [Opcode, readonly number[]][]).map(([name, bytes]) => [bytes.join(), name]),
);

/** Bytes that begin instructions of several bytes. */
const prefixes: readonly (number | undefined)[] = [0xfc, 0xfd];

function createReader(code: Code): Reader {
  let at = 0;
  const byte = (): number => code[at++] ?? bug("a function ends in the middle of an instruction");
  const signed = (): number => {
    let [result, shift] = [0, 0];
    for (;;) {
      const next = byte();
      result |= (next & 0x7f) << shift;
      shift += 7;
      if (next < 0x80) return shift < 32 && (next & 0x40) !== 0 ? result | (-1 << shift) : result;
    }
  };
  return {
    isDone: () => at >= code.length,
    opcode() {
      const bytes = [byte()];
      if (prefixes.includes(bytes[0])) {
        do bytes.push(byte());
        while ((bytes.at(-1) ?? 0) >= 0x80);
      }
      return names.get(bytes.join()) ?? bug(`no instruction has the bytes ${bytes.join(" ")}`);
    },
    unsigned() {
      let [result, factor] = [0, 1];
      for (;;) {
        const next = byte();
        result += (next & 0x7f) * factor;
        factor *= 128;
        if (next < 0x80) return result;
      }
    },
    signed,
    bytes: (count) => new DataView(Uint8Array.from({ length: count }, byte).buffer),
  };
}

/** What follows an instruction, as text. */
function immediatesOf(
  name: Opcode,
  reader: Reader,
  localName: (index: number) => string,
  functionName: (index: number) => string,
): readonly string[] {
  switch (name) {
    case "block":
    case "loop":
    case "if":
      // Kernels have blocks without a result only.
      reader.bytes(1);
      return [];
    case "br_if":
      return [String(reader.unsigned())];
    case "call":
      return [functionName(reader.unsigned())];
    case "local.get":
    case "local.set":
    case "local.tee":
      return [localName(reader.unsigned())];
    case "i32.const":
      return [String(reader.signed())];
    case "f32.const":
      return [floatText(reader.bytes(4).getFloat32(0, true))];
    case "v128.const": {
      const view = reader.bytes(16);
      return [
        "i32x4",
        ...[0, 4, 8, 12].map((at) => `0x${view.getUint32(at, true).toString(16).padStart(8, "0")}`),
      ];
    }
    case "i8x16.shuffle": {
      const view = reader.bytes(16);
      return Array.from({ length: 16 }, (_, at) => String(view.getUint8(at)));
    }
    default:
      break;
  }
  if (/\.(load|store)/.test(name)) {
    const align = 2 ** reader.unsigned();
    const offset = reader.unsigned();
    const lane = name.endsWith("_lane") ? [String(reader.unsigned())] : [];
    return [...(offset > 0 ? [`offset=${offset}`] : []), `align=${align}`, ...lane];
  }
  return name.includes("_lane") ? [String(reader.unsigned())] : [];
}

function floatText(value: number): string {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  return Object.is(value, -0) ? "-0" : String(value);
}
