// What the pages that find something in pictures have in common: the nets, and what a net finds.

import type { PictureNet } from "../../../src/tasks/index.js";
import type { LoadingOptions } from "../loading.js";
import type { Facing } from "./camera.js";
import type { Found } from "./finding.js";

/** What is shown and given to nets. */
export type Source = HTMLImageElement | ImageBitmap;

/** What a net takes. */
type Picture = Source | OffscreenCanvas;

/** A loaded net of a module for several targets that takes pictures. */
export interface DetectorNet extends PictureNet {
  readonly target: { readonly name: string; readonly reason: string };
  readonly threads?: number;
  run(inputs: Readonly<Record<string, Picture>>): Promise<Readonly<Record<string, Float32Array>>>;
  dispose(): void;
}

/** What a net is loaded with. */
export interface DetectorOptions extends LoadingOptions {
  readonly target?: string;
  readonly threads?: number;
  readonly worker?: boolean;
}

/** A loaded net, or several, with what finds everything with a score above 0.1, the least threshold. */
export interface Finder extends Pick<DetectorNet, "target" | "threads" | "dispose"> {
  readonly find: (picture: Source) => Promise<Found[]>;
}

export interface Detector {
  /** The folders in compiled/ of all nets that it loads. */
  readonly names: readonly string[];
  readonly load: (options: DetectorOptions) => Promise<Finder>;
  /** What it finds: one, and several. */
  readonly noun: readonly [one: string, several: string];
  /** The camera that the page starts on a phone. What the one that sees the user shows is mirrored. */
  readonly facing: Facing;
  /** The address of the picture that the page shows first. */
  readonly example: string;
}
