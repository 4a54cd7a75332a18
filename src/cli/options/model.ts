// The options of reading a model, which every command with one has.

import { existsSync } from "node:fs";
import type { WeightType } from "#ir/compact.js";
import { weightTypes } from "#ir/compact.js";
import type { Command } from "commander";
import { InvalidArgumentError, Option } from "commander";
import { commaList, list, someOf } from "./lists.js";
import { withGroup } from "./group.js";

/** Options of reading a model. */
export interface ModelOptions {
  readonly net?: string;
  readonly dim: ReadonlyMap<string, number>;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Texts by the names of inputs. */
  readonly constant: ReadonlyMap<string, string>;
  readonly weights?: WeightsOption;
}

/** The file with the weights, and how the packed file stores them. */
interface WeightsOption {
  readonly file?: string;
  readonly type?: WeightType;
}

/** The help about the model argument of commands. */
export const modelHelp = "a .net or .onnx file, or the model.json of a TensorFlow.js model";

/** The help about the model argument of `cleave import`. */
export const importHelp = "an .onnx file or the model.json of a TensorFlow.js model";

const heading = "Model:";

/** Adds the options for reading a model. */
export function withModelOptions(command: Command): Command {
  return withGroup(command, heading, () =>
    withImportOptions(command.option("--net <name>", "the net to use, if the file has several")).option(
      "--weights <file|type>",
      `file with the weights: safetensors, or a model of another format; or how weights are stored: ${weightTypes.join(", ")} (repeatable; by default each as in its file)`,
      addWeights,
    ),
  );
}

/** Adds the options for models of all formats, and those that cut models of other formats. */
export function withImportOptions(command: Command): Command {
  const names = (text: string, all: string[]): string[] => [...all, ...someOf(commaList(text))];
  return withGroup(command, heading, () =>
    command
      .addOption(
        new Option("--dim <name=value>", "bind a dimension or const (repeatable)")
          .argParser(addDimension)
          .default(new Map<string, number>(), "none"),
      )
      .addOption(
        new Option(
          "--constant <name=value>",
          "replace an input by a constant: a number, a list such as 1,2,3, or a .npy or .json file (repeatable)",
        )
          .argParser(addConstant)
          .default(new Map<string, string>(), "none"),
      )
      .addOption(
        list(
          "--inputs <list>",
          "ONNX or TensorFlow.js: inner values that become inputs, or inputs with new shapes, such as conv1:1x64x56x56; cuts off the part of the model before them (repeatable)",
          names,
        ),
      )
      .addOption(
        list(
          "--outputs <list>",
          "ONNX or TensorFlow.js: values that become the outputs; cuts off the part of the model after them (repeatable)",
          names,
        ),
      ),
  );
}

function addWeights(text: string, all: WeightsOption = {}): WeightsOption {
  const type = weightTypes.find((one) => one === text);
  if (type && all.type) throw new InvalidArgumentError(`weights are already stored as ${all.type}.`);
  if (type) return { ...all, type };
  // A word such as fp16 is hardly a file.
  if (/^\w*$/.test(text) && !existsSync(text))
    throw new InvalidArgumentError(`it must be a file, or one of ${weightTypes.join(", ")}.`);
  return { ...all, file: text };
}

function addDimension(text: string, all: ReadonlyMap<string, number>): Map<string, number> {
  const match = /^([A-Za-z_]\w*)=([-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?)$/i.exec(text);
  if (!match?.[1]) throw new InvalidArgumentError("it must have the form NAME=NUMBER, such as H=224.");
  return new Map([...all, [match[1], Number(match[2])]]);
}

function addConstant(text: string, all: ReadonlyMap<string, string>): Map<string, string> {
  const at = text.indexOf("=");
  const [name, value] = [text.slice(0, at), text.slice(at + 1).trim()];
  if (at < 1 || value === "")
    throw new InvalidArgumentError("it must have the form NAME=VALUE, such as sr=16000.");
  return new Map([...all, [name, value]]);
}
