// The options for optimizing a model, for every command that runs passes.

import type { Command } from "commander";
import { InvalidArgumentError, Option } from "commander";
import type { AdapterClass } from "#backend/wgsl/adapter.js";
import { adapterClasses } from "#backend/wgsl/adapter.js";
import type { TargetName } from "#ir/target.js";
import { defaultTarget, targetNames } from "#ir/target.js";
import { limitOf } from "#split/request.js";
import { exit } from "../output/terminal.js";
import type { Session } from "../session/session.js";
import type { ModelOptions } from "./model.js";
import { collect, commaList, list, someOf } from "./lists.js";
import type { SplitRequest } from "./split.js";
import { parseSplit, splitHelp } from "./split.js";
import { withGroup } from "./group.js";

export interface PassOptions extends Pick<ModelOptions, "weights"> {
  readonly target: TargetName;
  /** Several targets for one module, and in which order it tries them; absent for one. */
  readonly targets?: readonly TargetName[];
  readonly targetOrder?: "time" | "given";
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
  readonly from?: string;
  readonly stopAfter?: string;
  readonly printAfter: readonly string[];
  readonly split?: SplitRequest;
  readonly approx?: boolean;
  readonly verify?: boolean;
  readonly time?: boolean;
  readonly trace?: "rules";
  /** Whether the results are JSON. */
  readonly json?: boolean;
}

const defaultAdapter: AdapterClass = "gpu";

/** Options that only one target has. */
const ofTarget = { f16: "wgsl", adapter: "wgsl", limits: "wgsl", emit: "wgsl", workerFile: "wasm" } as const;

/** Adds the options of the passes; `several` says whether the command can compile for several targets at once. */
export function withPassOptions(command: Command, { several = false } = {}): Command {
  command.hook("preAction", () => {
    if (several) separateTargets(command);
    const { target, targets = [target] } = command.opts<PassOptions>();
    for (const [name, only] of Object.entries(ofTarget)) {
      if (targets.includes(only) || command.getOptionValueSource(name) !== "cli") continue;
      const option = name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
      command.error(`error: --${option} is for the target ${only}, not for ${target}`, {
        exitCode: exit.wrongUsage,
      });
    }
    const quantizes = command.options.some(({ long }) => long === "--quantize");
    const misused = wrongSamples(command.opts(), quantizes);
    if (misused !== undefined) command.error(`error: ${misused}`, { exitCode: exit.wrongUsage });
  });
  withGroup(command, "Target:", () => withTargetOptions(command, several));
  return withGroup(command, "Passes and rules:", () => withRuleOptions(command));
}

function withTargetOptions(command: Command, several: boolean): Command {
  return command
    .addOption(targetOption(several))
    .addOption(
      new Option("--winograd <on|off>", "use Winograd's algorithm for 3×3 convolutions where it is faster")
        .argParser(onOff)
        .default(true, "on"),
    )
    .addOption(
      new Option(
        "--winograd-memory <ratio>",
        "largest memory for weights, as a multiple of the memory of the model's weights as f32",
      )
        .argParser(ratio)
        .default(2),
    )
    .option(
      "--limits <file>",
      'target wgsl: JSON file with limits of the devices, named as in GPUSupportedLimits (default: "guaranteed", the limits that every device has)',
    )
    .addOption(
      new Option(
        "--adapter <class>",
        "target wgsl: the class of most devices; kernels are chosen for it, and run on all devices",
      )
        .choices(adapterClasses)
        .default(defaultAdapter),
    )
    .option("--f16", "target wgsl: store weights and tensors as f16 if the device supports it, else as f32");
}

function withRuleOptions(command: Command): Command {
  return command
    .addOption(list("--rules <file>", "rules and fusions of your own (repeatable)", collect))
    .addOption(rulesAtOption())
    .option("--trust-rules", "apply rules without checking them")
    .addOption(
      list("--without-rule <name>", "disable a rule, a set of rules or a fusion (repeatable)", collect),
    )
    .option("--split <how>", splitHelp, parseSplit)
    .option("--approx", "allow rules that change values within their stated tolerance")
    .option("--passes <list>", "run only these passes, in this order", commaList)
    .addOption(
      list("--without <list>", "skip passes (repeatable)", (text, all) => [
        ...all,
        ...someOf(commaList(text)),
      ]),
    )
    .option(
      "--from <pass>",
      "the model is a dump of the graph after this pass (`cleave inspect --after`): run only the passes after it",
    )
    .option("--stop-after <pass>", "stop after this pass")
    .addOption(
      list("--print-after <pass>", "print the graph after a pass, or after all (repeatable)", collect),
    )
    .option("--verify", "check the invariants of the graph after each pass, and the kernels")
    .option("--time", "print how long each pass took")
    .addOption(
      new Option("--trace <what>", "print how often each rule was applied, by pass (stderr)").choices([
        "rules",
      ]),
    );
}

function targetOption(several: boolean): Option {
  if (!several)
    return new Option("--target <target>", "the platform of the module")
      .choices(targetNames)
      .default(defaultTarget);
  return new Option(
    "--target <targets>",
    `the platform of the module: ${targetNames.join(", ")}; several with commas between, of which the net takes the first that can run where it is loaded; or auto for all of them, the fastest first`,
  )
    .argParser(someTargets)
    .default(defaultTarget);
}

/** Checks a list of targets, and returns it. */
function someTargets(text: string): string {
  const names = text === "auto" ? targetNames : someOf(commaList(text));
  const wrong = names.find((name) => !(targetNames as readonly string[]).includes(name));
  if (wrong === "auto") throw new InvalidArgumentError("auto, which is all targets, stands alone.");
  if (wrong !== undefined)
    throw new InvalidArgumentError(
      `there is no target ${wrong}; there are ${targetNames.join(", ")} and auto.`,
    );
  if (new Set(names).size < names.length) throw new InvalidArgumentError("it names a target twice.");
  return text;
}

/** Sets `targets` if `target` is a list, and `target` to the one that decides what all have in common. */
function separateTargets(command: Command): void {
  const text = command.opts<{ readonly target: string }>().target;
  const names = text === "auto" ? targetNames : commaList(text);
  const [first] = names;
  command.setOptionValue("target", text === "auto" ? defaultTarget : first);
  if (names.length === 1) return;
  if (command.getOptionValueSource("embedWeights") === "cli")
    command.error(
      "error: --embed-weights is for one target: each target has weights of its own, and a module with all of them would be large",
      { exitCode: exit.wrongUsage },
    );
  command.setOptionValue("targets", names);
  command.setOptionValue("targetOrder", text === "auto" ? "time" : "given");
}

/** The error if a split needs samples and has none, or the other way round. `quantizes` says whether the command can also quantize with them. */
function wrongSamples(options: PassOptions & OfSamples, quantizes: boolean): string | undefined {
  const { split, calibrate, quantize, passes, without } = options;
  if (calibrate === undefined) {
    if (quantize?.loss !== undefined) return "--quantize int8,loss=… needs samples: --calibrate PATH";
    if (split?.mode === "loss")
      return "--split loss=… needs samples: `cleave split` and `cleave compile` take them with --calibrate";
    const alone = ofSamples.find((name) => options[name] !== undefined);
    return alone && `--${alone} needs samples: --calibrate PATH --split macs=0.5`;
  }
  const isSplit = split !== undefined && limitOf(split) !== undefined;
  if (!isSplit && !quantize)
    return `--calibrate needs --split macs=…, time=… or loss=…${quantizes ? ", or --quantize int8" : ""}`;
  if (!isSplit && options.distill !== undefined) return "--distill needs --split macs=…, time=… or loss=…";
  return without.includes("split") || passes?.includes("split") === false
    ? "--calibrate needs the pass `split`, which --passes or --without skips"
    : undefined;
}

/** Options that only splitting with samples has. */
const ofSamples = ["samples", "distill", "fresh"] as const;

type OfSamples = Readonly<Partial<Record<"calibrate" | (typeof ofSamples)[number], unknown>>> & {
  readonly quantize?: { readonly loss?: number };
};

/** The option that places rules in the pipeline. */
export function rulesAtOption(): Option {
  return new Option(
    "--rules-at <place>",
    'where rules are applied: "before PASS" or "after PASS" (repeatable)',
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
  if (text !== "on" && text !== "off") throw new InvalidArgumentError("it must be on or off.");
  return text === "on";
}

function ratio(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !(value >= 1)) throw new InvalidArgumentError("it must be a number, 1 or more.");
  return value;
}
