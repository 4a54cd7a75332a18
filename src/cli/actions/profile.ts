// The action of `cleave profile`: measures the time of each kernel and, on a CPU, the limits of the machine.

import { profileText } from "#report/profile.js";
import { loadModel } from "../model/load.js";
import type { MeasureOptions } from "../model/measure.js";
import { measureModel } from "../model/measure.js";
import { hasKernels, optimizeModel } from "../model/optimize.js";
import type { ModelOptions } from "../options/model.js";
import { checkThreads } from "../options/passes.js";
import { jsonText } from "../output/json.js";
import type { Session } from "../session/session.js";

export interface ProfileOptions extends ModelOptions, MeasureOptions {
  readonly sort: "order" | "time";
  readonly json?: boolean;
}

export async function profileModel(path: string, options: ProfileOptions, session: Session): Promise<void> {
  if (!checkThreads(options, session)) return;
  const model = loadModel(path, options, session);
  const optimized = model && optimizeModel(model, options, session);
  if (!model || !optimized || !hasKernels(optimized.module, model, options.target, session)) return;
  const profiled = await measureModel(model, optimized.module, options, session);
  if (profiled) session.terminal.out(options.json ? jsonText(profiled) : profileText(profiled, options.sort));
}
