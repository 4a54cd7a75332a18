// What the pages that find something in pictures have in common: the nets, and what a net finds.

import type { PictureNet } from "../../../src/tasks/index.js";
import type { LoadingOptions } from "../loading.js";
import type { Facing } from "./camera.js";
import type { Found } from "./finding.js";

/** What is shown and given to nets. */
export type Source = HTMLImageElement | ImageBitmap;

/** A loaded net of a module for several targets that takes pictures. */
export interface DetectorNet extends PictureNet {
  readonly target: { readonly name: string; readonly reason: string };
  readonly threads?: number;
  run(inputs: Readonly<Record<string, Source>>): Promise<Readonly<Record<string, Float32Array>>>;
  dispose(): void;
}

/** The part of an emitted module that the pages use. */
export interface DetectorModule {
  load(
    options: LoadingOptions & {
      readonly target?: string;
      readonly threads?: number;
      readonly worker?: boolean;
    },
  ): Promise<DetectorNet>;
}

export interface Detector {
  /** The name of the folder in compiled/. */
  readonly name: string;
  /** Loads the compiled module, as `import.meta.glob` gives it. */
  readonly modules: Readonly<Record<string, () => Promise<DetectorModule>>>;
  /** What it finds: one, and several. */
  readonly noun: readonly [one: string, several: string];
  /** The camera that the page starts on a phone. What the one that sees the user shows is mirrored. */
  readonly facing: Facing;
  /** The address of the picture that the page shows first. */
  readonly example: string;
  /** What finds everything with a score above 0.1, the least threshold, by a net. */
  readonly finder: (net: DetectorNet) => (picture: Source) => Promise<Found[]>;
}
