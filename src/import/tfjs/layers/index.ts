// All Keras layers that are imported, by class name.

import type { LayerTable } from "./layer.js";
import { plain } from "./plain.js";
import { sequences } from "./recurrent.js";
import { windows } from "./windows.js";

export const layers: LayerTable = { ...windows, ...plain, ...sequences };
