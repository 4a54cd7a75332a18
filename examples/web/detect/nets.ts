// Loads the nets of a page that finds something: one, or several that work together.

import { readManifest } from "../programs.js";
import type { DetectorNet, DetectorOptions } from "./detector.js";

/** The part of an emitted module that the pages use. */
interface DetectorModule {
  load(options: DetectorOptions): Promise<DetectorNet>;
}

/** Modules by file, as `import.meta.glob` gives those of a folder in compiled/. */
export type Modules = Readonly<Record<string, () => Promise<DetectorModule>>>;

/** Loads the net of a folder. */
export async function loadNet(modules: Modules, options: DetectorOptions): Promise<DetectorNet> {
  const [open] = Object.values(modules);
  if (!open) throw new Error(notCompiled);
  const module = await open();
  return module.load(options);
}

export const notCompiled = "The network is not compiled yet; npm run web compiles it.";

/** Loads the nets of some folders, by name, one after another. The progress is that of all. If one fails, none is left. */
export async function loadNets<Name extends string>(
  folders: Readonly<Record<Name, Modules>>,
  options: DetectorOptions,
): Promise<Record<Name, DetectorNet>> {
  const names = Object.keys(folders) as Name[];
  const { detectors } = readManifest();
  const totals = names.map((name) => detectors.find((one) => one.name === name)?.weightBytes ?? 0);
  const sum = (counts: readonly number[]): number => counts.reduce((all, count) => all + count, 0);
  const nets: Partial<Record<Name, DetectorNet>> = {};
  try {
    for (const [at, name] of names.entries()) {
      const before = sum(totals.slice(0, at));
      nets[name] = await loadNet(folders[name], {
        ...options,
        onProgress({ loaded, total }) {
          totals[at] = total;
          options.onProgress({ loaded: before + loaded, total: sum(totals) });
        },
      });
    }
    return nets as Record<Name, DetectorNet>;
  } catch (error) {
    for (const net of Object.values<DetectorNet | undefined>(nets)) net?.dispose();
    throw error;
  }
}
