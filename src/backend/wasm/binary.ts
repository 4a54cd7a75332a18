// A WebAssembly binary: functions over one imported memory.

import { bug } from "#diagnostic/diagnostic.js";
import type { Code, ValType } from "./code.js";
import { unsigned, valTypes } from "./code.js";

interface Signature {
  readonly parameters: readonly ValType[];
  readonly results: readonly ValType[];
}

/** A function; its locals follow its parameters. */
export interface WasmFunction extends Signature {
  readonly locals: readonly ValType[];
  readonly body: Code;
  readonly exportName?: string;
}

/** A function of the host, imported as `host.<name>`. */
export interface HostFunction extends Signature {
  readonly name: string;
}

export interface WasmBinary {
  readonly imports: readonly HostFunction[];
  /** In the order of their indices, which follow the indices of the imports. */
  readonly functions: readonly WasmFunction[];
}

/** The first bytes of every binary: `\0asm`, version 1. */
const magic = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00] as const;

/** Pages of 64 KiB each; 32-bit addresses reach 4 GiB in all. */
const mostPages = 65536;

/**
 * The bytes of a binary: what comes before the code of the functions, then each function. The memory is
 * imported as `host.memory`, with a maximum, and is not shared. A host that shares it between threads replaces the 1 (with a maximum) after the name by 3 (shared).
 */
export function encodeBinary({ imports, functions }: WasmBinary): Uint8Array<ArrayBuffer>[] {
  const signatures: Signature[] = [];
  const typeOf = (signature: Signature): number => {
    const found = signatures.findIndex((other) => sameSignature(other, signature));
    return found >= 0 ? found : signatures.push(signature) - 1;
  };
  const importTypes = imports.map(typeOf);
  const functionTypes = functions.map(typeOf);
  const memoryImport = [
    ...name("host"),
    ...name("memory"),
    0x02,
    0x01,
    ...unsigned(0),
    ...unsigned(mostPages),
  ];
  const functionImports = imports.map((one, at) => [
    ...name("host"),
    ...name(one.name),
    0x00,
    ...unsigned(importTypes[at] ?? bug(`import ${one.name} has no type`)),
  ]);
  const exports = functions.flatMap(({ exportName }, at) =>
    exportName === undefined ? [] : [[...name(exportName), 0x00, ...unsigned(imports.length + at)]],
  );
  const code = functions.map((one) => Uint8Array.from(functionBytes(one)));
  const head = [
    ...magic,
    ...section(1, signatures.map(signatureBytes)),
    ...section(2, [memoryImport, ...functionImports]),
    ...section(3, functionTypes.map(unsigned)),
    ...section(7, exports),
    ...sectionHead(
      10,
      functions.length,
      code.reduce((sum, { length }) => sum + length, 0),
    ),
  ];
  return [Uint8Array.from(head), ...code];
}

/** A section: its number, its length, the number of entries, the entries. */
function section(id: number, entries: readonly (readonly number[])[]): number[] {
  const content = entries.flat();
  return [...sectionHead(id, entries.length, content.length), ...content];
}

/** What comes before the entries of a section, which have some bytes in all. */
function sectionHead(id: number, count: number, bytes: number): number[] {
  const counted = unsigned(count);
  return [id, ...unsigned(counted.length + bytes), ...counted];
}

function signatureBytes({ parameters, results }: Signature): number[] {
  return [0x60, ...vector(parameters), ...vector(results)];
}

function vector(types: readonly ValType[]): number[] {
  return [...unsigned(types.length), ...types.map((type) => valTypes[type])];
}

function functionBytes({ locals, body }: WasmFunction): number[] {
  const runs: { type: ValType; count: number }[] = [];
  for (const type of locals) {
    const last = runs.at(-1);
    if (last?.type === type) last.count += 1;
    else runs.push({ type, count: 1 });
  }
  const declared = runs.flatMap(({ type, count }) => [...unsigned(count), valTypes[type]]);
  const code = [...unsigned(runs.length), ...declared, ...body, 0x0b];
  return [...unsigned(code.length), ...code];
}

function sameSignature(a: Signature, b: Signature): boolean {
  return a.parameters.join() === b.parameters.join() && a.results.join() === b.results.join();
}

function name(text: string): number[] {
  const bytes = new TextEncoder().encode(text);
  return [...unsigned(bytes.length), ...bytes];
}
