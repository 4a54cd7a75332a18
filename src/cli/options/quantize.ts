// The option `--quantize` and the parser of its value.

import type { Command } from "commander";
import { InvalidArgumentError } from "commander";
import type { FitOptions } from "./fit.js";
import { withGroup } from "./group.js";
import { sampleHeading } from "./samples.js";

/** The value of `--quantize`. */
export interface QuantizeRequest {
  readonly type: "int8";
  /** The largest loss in the outputs; 0.01 by default. */
  readonly loss?: number;
}

export interface WithQuantize extends FitOptions {
  readonly quantize?: QuantizeRequest;
}

const forms = "int8, or int8,loss=0.005";

/** Adds the option; `byDefault` is its value if it is not given. */
export function withQuantizeOption(command: Command, byDefault?: QuantizeRequest): Command {
  return withGroup(command, sampleHeading, () =>
    command.option(
      "--quantize <how>",
      `compute with integers of 8 bits, whose ranges are found with --calibrate: int8, or int8,loss=0.005 with the largest loss in the outputs, 0.01 by default; layers stay f32 where it would be exceeded (inf: none do)`,
      parseQuantize,
      byDefault,
    ),
  );
}

/** Parses the value of `--quantize`; throws commander's error, which leads to exit code 2. */
function parseQuantize(text: string): QuantizeRequest {
  const [type, limit, ...others] = text.split(",");
  if (type !== "int8" || others.length > 0) throw new InvalidArgumentError(`it must be ${forms}.`);
  if (limit === undefined) return { type };
  const [key, value = ""] = limit.split("=");
  const loss = value === "inf" ? Number.POSITIVE_INFINITY : Number(value);
  if (key !== "loss") throw new InvalidArgumentError(`\`${limit}\` is not known; it must be ${forms}.`);
  if (value.trim() === "" || !(loss >= 0))
    throw new InvalidArgumentError("loss must be a number, 0 or more, or inf.");
  return { type, loss };
}
