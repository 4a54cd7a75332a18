// Runs examples of the documentation: each is a command or a short program, the files that it reads, and its output.

import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fromJson, toBinary } from "@bufbuild/protobuf";
import type { JsonValue } from "@bufbuild/protobuf";
import { run } from "#cli/program.js";
import { elements } from "#ir/type.js";
import { ModelProtoSchema } from "#onnx/proto/onnx_pb.js";
import { sharpPackage } from "#node/sharp.js";
import { seededRandom } from "#ops/random.js";
import { writeNpy } from "#weights/npy.js";
import * as library from "../index.js";

interface ExampleFile {
  readonly name: string;
  readonly text: string;
}

export interface Example {
  readonly name: string;
  /** The files, in the order in which they are shown; a name that ends in `/` is an empty folder. */
  readonly files: readonly ExampleFile[];
  /** `cleave …`, or `node NAME` for a program in the files that uses the library. */
  readonly command: string;
}

const root = join(import.meta.dirname, "../..");

/**
 * The examples of a text:
 *
 *     ## name
 *     > FILE
 *     what is in it
 *     $ cleave check FILE
 */
export function parseExamples(text: string): Example[] {
  return text
    .split(/^## /m)
    .slice(1)
    .map((part) => {
      const [name = "", ...lines] = part.trimEnd().split("\n");
      const command = lines.pop() ?? "";
      const [before, ...files] = lines.join("\n").split(/^> /m);
      if (!command.startsWith("$ ") || before?.trim())
        throw new Error(`the example ${name} has another form`);
      return {
        name,
        command: command.slice(2),
        files: files.map((file) => {
          const end = file.indexOf("\n");
          return end < 0
            ? { name: file, text: "" }
            : { name: file.slice(0, end), text: `${file.slice(end + 1).trimEnd()}\n` };
        }),
      };
    });
}

/**
 * The output of an example: stderr of a command, or what a program prints. It runs in a temporary folder, whose path is removed from the
 * output.
 */
export async function runExample({ files, command }: Example): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "cleave-example-"));
  try {
    for (const file of files) writeExampleFile(folder, file);
    const [line = "", where = ""] = command.split("  # ");
    const [, variables = "", program = "", rest = ""] = /^((?:\w+=\S+ )*)(\S+) (.*)$/.exec(line) ?? [];
    const words = (rest.match(/"[^"]*"|\S+/g) ?? []).map((word) => word.replaceAll('"', ""));
    const source = files.find(({ name }) => name === words[0])?.text ?? "";
    const changes = [setVariables(`XDG_CACHE_HOME=$PWD/cache ${variables}`.replaceAll("$PWD", folder))];
    if (where !== "") changes.push(circumstances[where] ?? unknownCircumstance(where));
    const takeBack = changes.map((change) => change());
    try {
      const printed = await (program === "node"
        ? runProgram(source)
        : runCommand(words.map((word) => inFolder(word, folder, files))));
      return printed.replaceAll(`${folder}/`, "").replaceAll(folder, ".");
    } finally {
      for (const one of takeBack) one();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Changes the environment of an example, and returns a function that undoes the change. */
type Change = () => () => void;

function setVariables(assignments: string): Change {
  const variables = assignments
    .trim()
    .split(" ")
    .map((one) => one.split("=") as [string, string]);
  return () => {
    const before = variables.map(([name]) => [name, process.env[name]] as const);
    for (const [name, value] of variables) process.env[name] = value;
    return () => {
      for (const [name, value] of before)
        if (value === undefined) delete process.env[name];
        else process.env[name] = value;
    };
  };
}

/** The changes by the comment after a command. */
const circumstances: Readonly<Record<string, Change>> = {
  "where memory is short": shortMemory,
  "where sharp is not installed": () => {
    const { load } = sharpPackage;
    sharpPackage.load = () => Promise.reject(Object.assign(new Error(), { code: "ERR_MODULE_NOT_FOUND" }));
    return () => void (sharpPackage.load = load);
  },
};

function unknownCircumstance(where: string): never {
  throw new Error(`an example runs ${where}, which is not known`);
}

/** Makes WebAssembly behave as engines do if the system has no memory left. */
function shortMemory(): () => void {
  const { Memory } = WebAssembly;
  WebAssembly.Memory = function full() {
    throw new RangeError("WebAssembly.Memory(): could not allocate memory");
  } as unknown as typeof Memory;
  return () => void (WebAssembly.Memory = Memory);
}

/** Makes paths of words that name the example's files, or `out` for what it writes. */
function inFolder(word: string, folder: string, files: readonly ExampleFile[]): string {
  const isPath = (path: string): boolean =>
    /^out\b/.test(path) || path === "missing.net" || files.some(({ name }) => name.split("/")[0] === path);
  const at = word.indexOf("=") + 1;
  const [key, path] = [word.slice(0, at), word.slice(at)];
  return isPath(path) ? `${key}${join(folder, path)}` : word;
}

async function runCommand(argv: readonly string[]): Promise<string> {
  let printed = "";
  const err = (text: string): void => void (printed += text);
  await run(argv, { out: () => {}, err, color: false, outColor: false, interactive: false });
  return printed;
}

/** Runs a program as in a project that has installed the package. */
async function runProgram(source: string): Promise<string> {
  let printed = "";
  const log = (line: unknown): void => void (printed += `${String(line)}\n`);
  const body = source.replaceAll(/^import (\{[^}]*\}) from "cleave";$/gm, "const $1 = cleave;");
  const program = Object.getPrototypeOf(runProgram).constructor as new (
    ...source: string[]
  ) => (...values: unknown[]) => Promise<void>;
  await new program("cleave", "console", body)(library, { log });
  return printed;
}

/** Writes a file. If it is not text, the example describes its contents. */
function writeExampleFile(folder: string, { name, text }: ExampleFile): void {
  const path = join(folder, name);
  mkdirSync(name.endsWith("/") ? path : dirname(path), { recursive: true });
  if (name.endsWith("/")) return;
  const original = copiedFrom(text);
  if (original !== undefined) copyFileSync(join(root, original), path);
  else writeFileSync(path, contentOf(name, text));
}

/** The path in the repository of the file that this text says to copy, if it does. */
export function copiedFrom(text: string): string | undefined {
  return /^copy of (\S+)\n$/.exec(text)?.[1];
}

function contentOf(name: string, text: string): string | Uint8Array {
  const tensors = text.trim().split("\n").map(parseTensor);
  if (name.endsWith(".npy") && tensors[0])
    return writeNpy({ shape: tensors[0].shape, data: tensors[0].values });
  if (name.endsWith(".safetensors") && tensors.every((one) => one !== undefined)) return safetensors(tensors);
  if (name.endsWith(".onnx") && text.startsWith("{"))
    return toBinary(ModelProtoSchema, fromJson(ModelProtoSchema, JSON.parse(text) as JsonValue));
  return text.replaceAll(/⟦(.*?)⟧×(\d+)/gs, (_, part: string, count: string) => part.repeat(Number(count)));
}

interface Tensor {
  readonly name: string;
  readonly type: string;
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

/** Reads `kernel: f32[3, 3] random` or `f32[4] of 0`; undefined for another text. A type of 8 bytes takes twice the memory. */
function parseTensor(line: string): Tensor | undefined {
  const match = /^(?:(\S+): )?([fi]\d\d)\[([\d, ]*)\] (?:random(?: × (\S+))?|of (\S+))$/.exec(line);
  if (!match) return undefined;
  const [, name = "", type = "", extents = "", scale = "1", value] = match;
  const shape = extents.split(", ").map(Number);
  const random = seededRandom(0);
  const one = (): number => (value === undefined ? random.normal() * Number(scale) : Number(value));
  const size = (elements(shape) * Number(type.slice(1))) / 32;
  return { name, type, shape, values: Float32Array.from({ length: size }, one) };
}

/** A file of tensors of any type (https://huggingface.co/docs/safetensors): the length of a header, the header, the data. */
function safetensors(tensors: readonly Tensor[]): Uint8Array {
  let end = 0;
  const header = JSON.stringify(
    Object.fromEntries(
      tensors.map(({ name, type, shape, values }) => [
        name,
        { dtype: type.toUpperCase(), shape, data_offsets: [end, (end += values.byteLength)] },
      ]),
    ),
  );
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  const data = tensors.map(({ values }) => Buffer.from(values.buffer));
  return Buffer.concat([length, Buffer.from(header), ...data]);
}
