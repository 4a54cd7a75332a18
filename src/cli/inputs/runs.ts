// Reads the inputs of commands that run a model: files by the names of inputs, or random values.

import type { SampleInput } from "#calibrate/samples.js";
import { sampleInputs } from "#calibrate/samples.js";
import type { Diagnostic } from "#diagnostic/diagnostic.js";
import { error } from "#diagnostic/diagnostic.js";
import { greatest } from "#diagnostic/extremes.js";
import { suggest } from "#diagnostic/suggest.js";
import type { Module } from "#ir/weights.js";
import type { ImageOptions } from "../options/image.js";
import { imageOptions } from "../options/image.js";
import { report } from "../output/terminal.js";
import type { Session } from "../session/session.js";
import { randomInput, readInput } from "./values.js";

/** Values by the names of inputs, or of outputs. */
export type Inputs = Record<string, Float32Array>;

/** The inputs of one run, and what they are called. */
export interface InputRun {
  readonly name: string;
  readonly inputs: Inputs;
}

/** The inputs of each run: files, or random values if there are none; undefined after errors. */
export async function readRuns(
  model: Module,
  files: readonly string[],
  options: ImageOptions & { readonly seed: number },
  session: Session,
): Promise<InputRun[] | undefined> {
  const ports = sampleInputs(model);
  const image = imageOptions(options);
  if (files.length === 0) {
    const inputs = Object.fromEntries(
      ports.map((port, index) => [port.name, randomInput(port, options.seed + index)]),
    );
    return [{ name: `random input, seed ${options.seed}`, inputs }];
  }
  const byPort = new Map<string, { file: string; value: Float32Array }[]>();
  let failed = false;
  const fail = (diagnostics: Parameters<typeof report>[1]): void => {
    session.code = Math.max(session.code, report(session.terminal, diagnostics, new Map()));
    failed = true;
  };
  for (const argument of files) {
    const named = ports.find((port) => argument.startsWith(`${port.name}=`));
    const port = named ?? (ports.length === 1 ? ports[0] : undefined);
    if (!port) {
      const [wish = ""] = argument.split("=");
      const near = suggest(
        wish,
        ports.map((one) => one.name),
      );
      const help = [
        `write name=file; the inputs are ${ports.map((one) => one.name).join(", ")}`,
        ...(near[0] ? [`did you mean ${near[0]}?`] : []),
      ];
      fail([error("unknown-input", `${argument}: which input is this for?`, { help })]);
      continue;
    }
    const file = named ? argument.slice(port.name.length + 1) : argument;
    const { value, diagnostics } = await readInput(file, port, image);
    if (value === undefined) fail(named ? diagnostics : diagnostics.map((one) => hintName(one, file, ports)));
    else byPort.set(port.name, [...(byPort.get(port.name) ?? []), { file, value }]);
  }
  if (failed) return undefined;
  const count = greatest(ports.map((port) => byPort.get(port.name)?.length ?? 0));
  const short = ports.find((port) => byPort.get(port.name)?.length !== count);
  if (short) {
    fail([
      error(
        "missing-input",
        `input \`${short.name}\` has ${byPort.get(short.name)?.length ?? 0} files, but there are ${count} runs`,
      ),
    ]);
    return undefined;
  }
  return Array.from({ length: count }, (_, run) => ({
    name: ports.map((port) => byPort.get(port.name)?.[run]?.file ?? "").join(", "),
    inputs: Object.fromEntries(
      ports.map((port) => [port.name, byPort.get(port.name)?.[run]?.value ?? new Float32Array()]),
    ),
  }));
}

/** Adds a hint if an argument such as `imag=cat.png`, for a net with one input `image`, was read as the name of a file. */
function hintName(one: Diagnostic, file: string, ports: readonly SampleInput[]): Diagnostic {
  const at = file.indexOf("=");
  const near =
    at < 0
      ? []
      : suggest(
          file.slice(0, at),
          ports.map((port) => port.name),
        );
  return near[0] === undefined
    ? one
    : { ...one, help: [...(one.help ?? []), `did you mean ${near[0]}${file.slice(at)}?`] };
}
