// Reads samples for calibration from files: `--calibrate` with a folder, a .npy file or a .safetensors file.

import { readdirSync, statSync } from "node:fs";
import { extname, join } from "node:path";
import type { InputStatistics, SampleInput, Samples } from "#calibrate/samples.js";
import {
  checkSamples,
  chooseIndices,
  keepSamples,
  SampleError,
  sampleInputs,
  samplesOf,
  takeSamples,
} from "#calibrate/samples.js";
import type { DiagnosticCode } from "#diagnostic/codes.js";
import type { Diagnostic, Result } from "#diagnostic/diagnostic.js";
import { error, warning } from "#diagnostic/diagnostic.js";
import { suggest } from "#diagnostic/suggest.js";
import type { Module } from "#ir/weights.js";
import { elements } from "#ir/type.js";
import { plural } from "#ir/units.js";
import { openWeightFile } from "#weights/file.js";
import { reason } from "#node/reason.js";
import type { ImageOptions } from "../options/image.js";
import { asksForPixels, imageOptions, preprocessFor } from "../options/image.js";
import type { SampleOptions } from "../options/samples.js";
import { mostSamples } from "../options/samples.js";
import { imageEndings, imageFiles } from "./image.js";
import { report } from "../output/terminal.js";
import type { Session } from "../session/session.js";
import { normalizePixels } from "./image.js";
import { readInput, readNumbers, withoutOnes } from "./values.js";

/** Most bytes of samples that stay in memory; other samples are read again for each layer. */
const keptBytes = 2 ** 28;

/** Samples that were read once and are valid. */
export interface ReadSamples {
  readonly samples: Samples;
  /** Their indices among all samples of the folder or file. */
  readonly indices: readonly number[];
  /** The number of all samples. */
  readonly all: number;
  /** Statistics of the values of each input. */
  readonly statistics: ReadonlyMap<string, InputStatistics>;
}

/** The samples that the options select; undefined after errors. */
export async function readSamples(
  module: Module,
  options: SampleOptions & { readonly calibrate: string },
  session: Session,
): Promise<ReadSamples | undefined> {
  const { calibrate, samples = mostSamples, seed } = options;
  const choose = (all: number): number[] => chooseIndices(all, samples, seed);
  return readSome(calibrate, choose, options.samples ?? 1, module, options, session);
}

/** All samples of a folder or a file; undefined after errors. */
export async function readAllSamples(
  path: string,
  module: Module,
  options: ImageOptions,
  session: Session,
): Promise<ReadSamples | undefined> {
  return readSome(path, (all) => chooseIndices(all, all, 0), 1, module, options, session);
}

async function readSome(
  path: string,
  choose: (all: number) => number[],
  fewest: number,
  module: Module,
  options: ImageOptions,
  session: Session,
): Promise<ReadSamples | undefined> {
  const tell = (diagnostics: readonly Diagnostic[]): void => {
    session.code = Math.max(session.code, report(session.terminal, diagnostics, new Map()));
  };
  const inputs = sampleInputs(module);
  const { value: all, diagnostics } = await openSamples(path, inputs, imageOptions(options));
  tell(diagnostics);
  if (!all) return undefined;
  const indices = choose(all.count);
  const samples = keepSamples(takeSamples(all, indices), keptBytes);
  const checked = await checkSamples(samples, inputs, {
    least: fewest,
    onRead: (done, count) => session.progress.show(`reading ${plural(count, "sample")}`, done / count),
  });
  tell(checked.diagnostics);
  return checked.value && { samples, indices, all: all.count, statistics: checked.value };
}

/** The samples of a folder or file, in natural order; those of a folder are read on demand. */
export async function openSamples(
  path: string,
  inputs: readonly SampleInput[],
  image: ImageOptions,
): Promise<Result<Samples>> {
  try {
    if (statSync(path).isDirectory()) return openFolder(path, inputs, image);
  } catch (cause) {
    return wrong("cannot-read", `cannot read ${path}: ${reason(cause)}`);
  }
  const kind = extname(path).toLowerCase();
  if (kind === ".npy") return openNpy(path, inputs, image);
  if (kind === ".safetensors") return openSafetensors(path, inputs, image);
  return wrong("unknown-samples", `${path}: cannot tell what kind of samples these are`, [
    `samples are a folder of ${imageFiles}, .npy or .json files, a .npy file or a .safetensors file`,
  ]);
}

/** Kinds of files in a folder, by their extensions. */
const kinds: readonly { readonly name: string; readonly endings: readonly string[] }[] = [
  { name: "image", endings: imageEndings },
  { name: ".npy file", endings: [".npy"] },
  { name: ".json file", endings: [".json"] },
];

function openFolder(path: string, inputs: readonly SampleInput[], image: ImageOptions): Result<Samples> {
  const [input] = inputs;
  if (!input || inputs.length > 1) return wrongInputs(path, inputs);
  const entries = readdirSync(path, { withFileTypes: true }).filter(({ name }) => !name.startsWith("."));
  const files = entries.filter((entry) => !entry.isDirectory()).map(({ name }) => name);
  const byKind = kinds.map(({ name, endings }) => ({
    name,
    files: files.filter((file) => endings.includes(extname(file).toLowerCase())),
  }));
  const [found, other] = byKind.filter(({ files: some }) => some.length > 0);
  if (!found) {
    const folders = entries.length - files.length;
    return wrong("too-few-samples", `${path} has no samples in it`, [
      `samples are ${imageFiles}, .npy or .json files`,
      ...(folders > 0 ? [`it has ${plural(folders, "folder")}, which are not looked into`] : []),
    ]);
  }
  if (other)
    return wrong(
      "mixed-samples",
      `${path} has ${plural(found.files.length, found.name)} and ${plural(other.files.length, other.name)}: ${found.files[0]}, ${other.files[0]}`,
      ["samples of one kind belong in a folder of their own"],
    );
  const names = found.files.toSorted(new Intl.Collator("en", { numeric: true }).compare);
  const left = files.length - names.length;
  const nameAt = (index: number): string => join(path, names[index] ?? "");
  return {
    value: {
      count: names.length,
      nameOf: nameAt,
      read: async (index) => {
        const { value, diagnostics } = await readInput(nameAt(index), input, image);
        if (!value) throw new SampleError(diagnostics);
        return { [input.name]: value };
      },
    },
    diagnostics:
      left >= names.length
        ? [
            warning("left-out", `${left} of ${files.length} files in ${path} are not samples`, {
              help: [`samples are ${imageFiles}, .npy or .json files`],
            }),
          ]
        : [],
  };
}

function openNpy(path: string, inputs: readonly SampleInput[], image: ImageOptions): Result<Samples> {
  const [input] = inputs;
  if (!input || inputs.length > 1) return wrongInputs(path, inputs);
  const { value, diagnostics } = readNumbers(path);
  if (!value) return { diagnostics };
  const problem = wrongShape(path, value.shape, input);
  if (problem) return { diagnostics: [problem] };
  const samples = cutUp(path, new Map([[input, value.data]]), value.shape[0] ?? 0);
  return value.isBytes
    ? { value: pixelSamples(path, samples, input, image), diagnostics: [] }
    : { value: samples, diagnostics: takenAsTheyAre(path, image) };
}

/** A warning if options for pixels are given and the samples are not pixels. */
function takenAsTheyAre(path: string, image: ImageOptions): Diagnostic[] {
  if (!asksForPixels(image)) return [];
  return [
    warning(
      "no-pixels",
      `the numbers in ${path} are taken as they are, whatever --scale, --mean and --std say`,
      {
        help: ["those are for images and .npy files of bytes; other numbers are scaled in their file"],
      },
    ),
  ];
}

/** Samples whose values are bytes, which are pixels. */
function pixelSamples(path: string, samples: Samples, input: SampleInput, image: ImageOptions): Samples {
  return {
    ...samples,
    read: async (index) => {
      const pixels = (await samples.read(index))[input.name] ?? new Float32Array();
      const { value, diagnostics } = normalizePixels(path, pixels, input.shape, preprocessFor(image, input));
      if (!value) throw new SampleError(diagnostics);
      return { [input.name]: value };
    },
  };
}

function openSafetensors(path: string, inputs: readonly SampleInput[], image: ImageOptions): Result<Samples> {
  const { value: file, diagnostics } = openWeightFile(path);
  if (!file) return { diagnostics };
  const tensors = new Map<SampleInput, Float32Array>();
  let first: { readonly name: string; readonly count: number } | undefined;
  for (const input of inputs) {
    const { name } = input;
    const entry = file.entries.get(name);
    if (!entry) return { diagnostics: [missingTensor(path, name, file)] };
    const problem = wrongShape(`${path}: \`${name}\``, entry.shape, input);
    if (problem) return { diagnostics: [problem] };
    const count = entry.shape[0] ?? 0;
    first ??= { name, count };
    if (count !== first.count)
      return wrong(
        "wrong-sample",
        `${path} has ${first.count} samples of input \`${first.name}\`, but ${count} of \`${name}\``,
      );
    try {
      tensors.set(input, entry.read());
    } catch (cause) {
      return wrong("cannot-read", `cannot read ${path}: ${reason(cause)}`);
    }
  }
  return { value: cutUp(path, tensors, first?.count ?? 0), diagnostics: takenAsTheyAre(path, image) };
}

/** Samples from tensors whose first axis is that of the samples. */
function cutUp(path: string, tensors: ReadonlyMap<SampleInput, Float32Array>, count: number): Samples {
  const at = (index: number): Record<string, Float32Array> =>
    Object.fromEntries(
      [...tensors].map(([{ name, shape }, data]) => {
        const size = elements(shape);
        return [name, data.subarray(index * size, (index + 1) * size)];
      }),
    );
  return {
    ...samplesOf(Array.from({ length: count }, (_, index) => at(index))),
    nameOf: (index) => `sample ${index} of ${path}`,
  };
}

/** An error unless the shape is `[count, ...shape]`; axes of extent 1 may be missing, as for inputs of `run`. */
function wrongShape(what: string, shape: readonly number[], input: SampleInput): Diagnostic | undefined {
  const own = input.shape[0] === 1 ? input.shape.slice(1) : input.shape;
  const rest = shape.slice(1);
  const same = (a: readonly number[], b: readonly number[]): boolean => withoutOnes(a) === withoutOnes(b);
  if (shape.length > 0 && same(rest, own)) return undefined;
  const moved = [rest.toSpliced(0, 1).concat(rest.slice(0, 1)), rest.slice(-1).concat(rest.slice(0, -1))];
  const help = moved.some((one) => same(one, own))
    ? ["the channels lie on another axis than the model has them: np.moveaxis moves them"]
    : [];
  return error(
    "wrong-sample",
    `${what} has shape [${shape.join(", ")}], but samples of input \`${input.name}\` are [count, ${own.join(", ")}]`,
    { help },
  );
}

function missingTensor(
  path: string,
  name: string,
  {
    entries,
    unreadable,
  }: { readonly entries: ReadonlyMap<string, unknown>; readonly unreadable?: ReadonlyMap<string, string> },
): Diagnostic {
  const type = unreadable?.get(name);
  if (type !== undefined)
    return error("wrong-sample", `${path}: \`${name}\` is of type ${type}, which cannot be read`, {
      help: ["samples are F32, F16 or BF16"],
    });
  const near = suggest(name, entries.keys());
  const names = [...entries.keys()].slice(0, 10).join(", ");
  return error("wrong-sample", `${path} has no tensor for input \`${name}\``, {
    help: near[0] === undefined ? [`it has ${names || "none"}`] : [`did you mean ${near[0]}?`],
  });
}

function wrongInputs(path: string, inputs: readonly SampleInput[]): Result<never> {
  const names = inputs.map(({ name }) => name).join(", ");
  return wrong(
    "wrong-sample",
    `${path} has values for one input, but the net has ${inputs.length}${names ? `: ${names}` : ""}`,
    ["a .safetensors file has a tensor [count, ...input shape] for each input, by its name"],
  );
}

function wrong(code: DiagnosticCode, message: string, help: readonly string[] = []): Result<never> {
  return { diagnostics: [error(code, message, { help: [...help] })] };
}
