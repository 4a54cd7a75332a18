// All operators of ONNX's main domain that are imported.

import type { OperatorTable } from "../operator.js";
import { control } from "./control.js";
import { elementwise } from "./elementwise.js";
import { products } from "./matmul.js";
import { parts } from "./parts.js";
import { places } from "./places.js";
import { pools } from "./pools.js";
import { quantized } from "./quantized.js";
import { recurrences } from "./recurrent.js";
import { reductions } from "./reduce.js";
import { reshapes } from "./reshape.js";
import { resizes } from "./resize.js";
import { samplings } from "./sampling.js";
import { selections } from "./select.js";
import { shapes } from "./shapes.js";
import { sound } from "./sound.js";
import { windows } from "./windows.js";

export const operators: OperatorTable = {
  ...elementwise,
  ...windows,
  ...pools,
  ...reshapes,
  ...parts,
  ...places,
  ...selections,
  ...samplings,
  ...reductions,
  ...products,
  ...resizes,
  ...shapes,
  ...quantized,
  ...recurrences,
  ...sound,
  ...control,
};
