// Which kernels compute a node, and their facts.

import { countText, timeText } from "#ir/units.js";
import type { FilmLaunch, NodeId } from "../data.js";
import type { App } from "./state.js";

/** The launches that compute what a node became at the end. */
export function launchesOf(app: App, id: NodeId): readonly FilmLaunch[] {
  const { timeline } = app;
  const { program } = timeline.film;
  if (!program) return [];
  const version = timeline.versionNear(id, app.state().step);
  if (!version) return [];
  const step = Math.min(Math.max(app.state().step, version.born), version.died - 1);
  const last = timeline.frame(timeline.last);
  const names = new Set(
    timeline.counterparts(id, step, timeline.last).flatMap((one) => last.nodes.get(one)?.name ?? []),
  );
  return program.launches.filter(({ nodes }) => nodes.some((name) => names.has(name)));
}

/** The name of its function, its work and its measured time. */
export function kernelFacts(app: App, launch: FilmLaunch): readonly string[] {
  const { program } = app.timeline.film;
  const order = program?.launches.filter(({ setup }) => !setup).indexOf(launch) ?? -1;
  const { macs, milliseconds, share, roofline, setup } = launch;
  return [
    `${setup ? "at load" : `#${order}`} ${program?.kernels[launch.kernel]?.name ?? launch.label}`,
    ...(macs > 0 ? [`${countText(macs)} MACs`] : []),
    ...(milliseconds === undefined
      ? []
      : [`${timeText(milliseconds / 1000)}, ${percent(share ?? 0)} of a run`]),
    ...(roofline
      ? [`${percent(roofline.share)} of what the machine allows, bound by ${roofline.bound}`]
      : []),
  ];
}

export function percent(share: number): string {
  return `${Number((100 * share).toPrecision(2))}%`;
}
