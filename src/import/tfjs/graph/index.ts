// All TensorFlow operators that are imported.

import { elementwise } from "./elementwise.js";
import type { OperatorTable } from "./operator.js";
import { parts } from "./parts.js";
import { places } from "./places.js";
import { products } from "./products.js";
import { reshapes } from "./reshape.js";
import { selections } from "./select.js";
import { shapes } from "./shapes.js";
import { windows } from "./windows.js";

export const operators: OperatorTable = {
  ...elementwise,
  ...windows,
  ...reshapes,
  ...parts,
  ...places,
  ...selections,
  ...products,
  ...shapes,
};
