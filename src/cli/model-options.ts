// The options that every command with a model has, and reading the model that they name.

import type { Command } from "commander";
import { InvalidArgumentError, Option } from "commander";
import type { AdapterClass } from "#backend/wgsl/target.js";
import { adapterClasses } from "#backend/wgsl/target.js";
import type { TargetName } from "#compile/targets.js";
import { defaultTarget, targetNames } from "#compile/targets.js";
import { limitOf } from "#split/limits.js";
import { splitConstant } from "./constants.js";
import type { SplitRequest } from "./split-option.js";
import { parseSplit, splitHelp } from "./split-option.js";
import type { Session } from "./session.js";
import { exit } from "./terminal.js";

/** Options of reading a model. */
export interface ModelOptions {
  readonly net?: string;
  readonly dim: ReadonlyMap<string, number>;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Texts by the names of inputs. */
  readonly constant: ReadonlyMap<string, string>;
  readonly weights?: string;
}

/** Options of optimizing it. */
export interface PassOptions {
  readonly target: TargetName;
  readonly winograd: boolean;
  readonly winogradMemory: number;
  readonly limits?: string;
  readonly adapter: AdapterClass;
  readonly f16?: boolean;
  readonly rules: readonly string[];
  readonly rulesAt: readonly string[];
  readonly trustRules?: boolean;
  readonly withoutRule: readonly string[];
  readonly passes?: readonly string[];
  readonly without: readonly string[];
  readonly stopAfter?: string;
  readonly printAfter: readonly string[];
  readonly split?: SplitRequest;
  readonly approx?: boolean;
  readonly verify?: boolean;
  readonly time?: boolean;
}

const defaultAdapter: AdapterClass = "gpu";

/** Options that mean something to the target wgsl alone. */
const gpuOptions = ["f16", "adapter", "limits", "emit"] as const;

/** What the argument of a command with a model may be. */
export const modelHelp = "a .net or .onnx file, or the model.json of a TensorFlow.js model";

/** Adds the options of reading a model. */
export function withModelOptions(command: Command): Command {
  return withImportOptions(command.option("--net <name>", "which net of the file, if it has several")).option(
    "--weights <file>",
    "file with the weights: safetensors, or a model of another format that has them",
  );
}

/** Adds those that models of all formats take, and those that cut models of other formats. */
export function withImportOptions(command: Command): Command {
  const names = (text: string, all: string[]): string[] => [...all, ...someOf(commaList(text))];
  return command
    .addOption(
      new Option("--dim <name=value>", "bind a dimension or const (repeatable)")
        .argParser(addDimension)
        .default(new Map<string, number>(), "none"),
    )
    .addOption(
      new Option(
        "--constant <name=value>",
        "fix an input: a number, a list such as 1,2,3, or a .npy or .json file (repeatable)",
      )
        .argParser(addConstant)
        .default(new Map<string, string>(), "none"),
    )
    .addOption(
      list(
        "--inputs <list>",
        "ONNX or TensorFlow.js: values that become inputs, or inputs with their shapes, as in conv1:1x64x56x56; what only these needed is left out (repeatable)",
        names,
      ),
    )
    .addOption(
      list(
        "--outputs <list>",
        "ONNX or TensorFlow.js: values that become the outputs; what they do not need is left out (repeatable)",
        names,
      ),
    );
}

/** Adds the options of the passes. */
export function withPassOptions(command: Command): Command {
  return command
    .hook("preAction", () => {
      const { target } = command.opts<PassOptions>();
      const wrong = gpuOptions.find((name) => command.getOptionValueSource(name) === "cli");
      if (wrong !== undefined && target !== "wgsl")
        command.error(`error: --${wrong} is for the target wgsl, not for ${target}`, {
          exitCode: exit.wrongUsage,
        });
      const misused = wrongSamples(command.opts());
      if (misused !== undefined) command.error(`error: ${misused}`, { exitCode: exit.wrongUsage });
    })
    .addOption(
      new Option("--target <target>", "what runs the kernels").choices(targetNames).default(defaultTarget),
    )
    .addOption(
      new Option("--winograd <on|off>", "3×3 convolutions by Winograd's algorithm where that is faster")
        .argParser(onOff)
        .default(true, "on"),
    )
    .addOption(
      new Option("--winograd-memory <ratio>", "most memory for weights, as a multiple of the model's")
        .argParser(ratio)
        .default(2),
    )
    .option(
      "--limits <file>",
      'target wgsl: JSON of the devices\' limits, named as in GPUSupportedLimits; default "guaranteed", what every device has',
    )
    .addOption(
      new Option(
        "--adapter <class>",
        "target wgsl: what most devices are; kernels are chosen for those, and run on all",
      )
        .choices(adapterClasses)
        .default(defaultAdapter),
    )
    .option("--f16", "target wgsl: store weights and tensors as f16 where the device can, else as f32")
    .addOption(list("--rules <file>", "rules and fusions of your own (repeatable)", collect))
    .addOption(rulesAtOption())
    .option("--trust-rules", "apply rules unchecked")
    .addOption(list("--without-rule <name>", "leave out a built-in rule or fusion (repeatable)", collect))
    .option("--split <how>", splitHelp, parseSplit)
    .option("--approx", "allow rules that change values within their stated tolerance")
    .option("--passes <list>", "run just these passes, in this order", commaList)
    .addOption(
      list("--without <list>", "leave out passes (repeatable)", (text, all) => [
        ...all,
        ...someOf(commaList(text)),
      ]),
    )
    .option("--stop-after <pass>", "run the passes up to this one")
    .addOption(
      list("--print-after <pass>", "print the graph after a pass, or after all (repeatable)", collect),
    )
    .option("--verify", "check the graph's invariants after each pass")
    .option("--time", "print how long each pass took");
}

/** What is wrong with a split that needs samples and has none, or the other way round. */
function wrongSamples(options: PassOptions & OfSamples): string | undefined {
  const { split, calibrate, passes, without } = options;
  if (calibrate === undefined) {
    if (split?.mode === "loss")
      return "--split loss=… is measured with samples: `cleave split` and `cleave compile` take them with --calibrate";
    const alone = ofSamples.find((name) => options[name] !== undefined);
    return alone && `--${alone} takes samples: --calibrate PATH --split macs=0.5`;
  }
  if (!split || !limitOf(split)) return "--calibrate goes with --split macs=…, time=… or loss=…";
  return without.includes("split") || passes?.includes("split") === false
    ? "--calibrate needs the pass `split`, which --passes or --without leaves out"
    : undefined;
}

/** Options that mean something to splitting with samples alone. */
const ofSamples = ["samples", "distill", "fresh"] as const;

type OfSamples = Readonly<Partial<Record<"calibrate" | (typeof ofSamples)[number], unknown>>>;

/** The option that places rules in the pipeline. */
export function rulesAtOption(): Option {
  return new Option(
    "--rules-at <place>",
    'where rules stand among the passes: "before PASS" or "after PASS" (repeatable)',
  )
    .argParser(collect)
    .default([], '"before canonicalize" and "after absorb-moves"');
}

/** Whether a target can have this many threads; reports an error if not. */
export function checkThreads(
  { threads, target }: { readonly threads: number; readonly target: TargetName },
  session: Session,
): boolean {
  if (threads === 1 || target === "wasm") return true;
  session.terminal.err(`error: --threads is for the target wasm, not for ${target}\n`);
  session.code = exit.wrongUsage;
  return false;
}

function onOff(text: string): boolean {
  if (text !== "on" && text !== "off") throw new InvalidArgumentError("it is on or off.");
  return text === "on";
}

function ratio(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !(value >= 1)) throw new InvalidArgumentError("it is a number, 1 or more.");
  return value;
}

/** An option that may be given several times; help says "none" of its default, not "[]". */
function list(flags: string, doc: string, add: (text: string, all: string[]) => string[]): Option {
  return new Option(flags, doc).argParser(add).default([], "none");
}

function collect(text: string, all: string[]): string[] {
  return [...all, text];
}

function commaList(text: string): string[] {
  return text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
}

/** A list that leaves everything as it is was meant otherwise, as by a shell's variable that is empty. */
function someOf(names: readonly string[]): readonly string[] {
  if (names.length === 0) throw new InvalidArgumentError("it names nothing.");
  return names;
}

function addDimension(text: string, all: ReadonlyMap<string, number>): Map<string, number> {
  const match = /^([A-Za-z_]\w*)=([-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?)$/i.exec(text);
  if (!match?.[1]) throw new InvalidArgumentError("it has the form NAME=NUMBER, such as H=224.");
  return new Map([...all, [match[1], Number(match[2])]]);
}

function addConstant(text: string, all: ReadonlyMap<string, string>): Map<string, string> {
  const constant = splitConstant(text);
  if (!constant) throw new InvalidArgumentError("it has the form NAME=VALUE, such as sr=16000.");
  return new Map([...all, constant]);
}
