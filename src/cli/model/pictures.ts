// What the options of a command say about the pictures and classes of a model.

import { takePictures } from "#compile/pictures.js";
import { given } from "#diagnostic/given.js";
import type { Model } from "#node/read-model.js";
import { readLabels } from "../inputs/labels.js";
import type { PictureOptions } from "../options/image.js";
import { asksForPixels, imageOptions } from "../options/image.js";
import { report } from "../output/terminal.js";
import type { Session } from "../session/session.js";

/** The model with what the options say; undefined after errors. */
export function withPictures(
  model: Model,
  options: PictureOptions & { readonly calibrate?: string },
  session: Session,
): Model | undefined {
  const { image, imageInput, calibrate, labels: path } = options;
  // Samples need such options too, for a net that takes no pictures later.
  const isKnown = (model.graph.pictures?.size ?? 0) > 0;
  const isAsked = asksForPixels(options) && (isKnown || calibrate === undefined);
  const labels = path === undefined ? undefined : readLabels(path);
  if (labels && !labels.value) {
    session.code = Math.max(session.code, report(session.terminal, labels.diagnostics, model.sources));
    return undefined;
  }
  const { value, diagnostics } = takePictures(model, {
    ...imageOptions(options),
    image: image === true || imageInput !== undefined || isAsked,
    ...given({ input: imageInput, labels: labels?.value }),
  });
  const named = diagnostics.map((one) =>
    one.code === "wrong-labels" ? { ...one, message: `${path}: ${one.message}` } : one,
  );
  session.code = Math.max(session.code, report(session.terminal, named, model.sources));
  return value;
}
