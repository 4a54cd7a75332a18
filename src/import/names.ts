// Turns names of the exporter into names of the language: it keeps readable names and shortens the others to their readable part.

/** Makes names unique: the k-th `conv` becomes `conv.k`. */
export interface Names {
  unique(name: string): string;
}

export function createNames(): Names {
  const taken = new Map<string, number>();
  return {
    unique: (name) => {
      let count = taken.get(name) ?? 0;
      let result = name;
      for (;;) {
        count += 1;
        result = count === 1 ? name : `${name}.${count}`;
        taken.set(name, count);
        if (count === 1 || !taken.has(result)) break;
      }
      if (count > 1) taken.set(result, 1);
      return result;
    },
  };
}

/**
 * A name in the form `a.b.c`, or undefined if the name says nothing, such as `123` and `onnx::Conv_42`. PyTorch's
 * `/layer1/layer1.0/conv1/Conv_output_0` becomes `layer1.layer1.0.conv1`, Keras's `model/conv1/Relu:0` becomes `model.conv1.Relu`.
 */
export function cleanName(name: string): string | undefined {
  const path = name
    .slice(0, 400)
    .replace(/^onnx::.*$/, "")
    .replace(/:\d+$/, "")
    .replace(/_output_\d+$/, "")
    .replace(/_quantized$/, "")
    .split(/[/.]+/)
    .map((part) => part.replaceAll(/[^A-Za-z0-9_]/g, "_"))
    .filter((part) => part !== "");
  // PyTorch's exporter ends a path with the operator, which the text shows anyway.
  if (name.startsWith("/") && path.length > 1) {
    const last = path.at(-1) ?? "";
    if (/^[A-Z][A-Za-z]+(_\d+)?$/.test(last)) path.pop();
  }
  // It also repeats the way: `layer1/layer1.0/conv` came in as `layer1`, `layer1`, `0`, `conv`.
  const short = path.filter((part, at) => part !== path[at - 1] || /^\d+$/.test(part));
  const first = short[0];
  if (first === undefined || short.every((part) => /^_*\d*$/.test(part))) return undefined;
  if (/^\d/.test(first)) short[0] = `_${first}`;
  const result = short.join(".");
  return result.length > 100 ? undefined : result;
}

/** The symbol of a dimension as `--dim` takes it: `DynamicDimension.0` becomes `DynamicDimension_0`. */
export function symbolName(name: string): string | undefined {
  const plain = name.slice(0, 60).replaceAll(/\W/g, "_").replace(/^(\d)/, "_$1");
  return /[A-Za-z0-9]/.test(plain) ? plain : undefined;
}
