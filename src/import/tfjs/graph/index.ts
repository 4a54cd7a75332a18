// All TensorFlow operators that are imported.

import { elementwise } from "./elementwise.js";
import { moves } from "./moves.js";
import type { OperatorTable } from "./operator.js";
import { products } from "./products.js";
import { selections } from "./select.js";
import { windows } from "./windows.js";

export const operators: OperatorTable = { ...elementwise, ...windows, ...products, ...moves, ...selections };
