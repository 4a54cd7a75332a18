// Short texts that together have all syntax of the language. They are right, so that tests can break them.

/** A file that `model` imports from "blocks.net". */
export const blocks = `## The width of all layers.
const width = 8
const sizes = [[1, 2], [3x3, 1e-3]]

## Halves the channels, in two parts.
block halves(x, ratio=0.5) {
  assert channels(x) % 2 == 0, "the channels must be even"
  half = floor(channels(x) * ratio)
  a = slice(x, begin=[0, 0, 0, 0], size=[-1, -1, -1, half])
  if half > 2 and not (rank(x) != 4) { return a, x } else if half <= 1 or half < 2 { return x, a }
  return a, shape(x)[0]
}
`;

/** A model with nets and blocks. */
export const model = `import halves, width from "blocks.net"

block stage(
  x,
  key,  ## where its weights are
  filters=width,
  act=relu,
) {
  param w: f32[1, 1, channels(x), filters] = weight(key + ".weight") |> transpose(perm=[3, 2, 1, 0])
  param b: f32[filters] = zeros()
  return conv2d(x, w, b, padding=same) |> act
}

net small {
  weights "model.safetensors"
  input image: f32[N, 8, 8, 3] preprocess(scale=1 / 255, fit=cover)
  const depth = -2 + 4
  x: f32[N, _, _, width] = stage(image, "stem")
  repeat depth as i {
    x = if i >= 1 then stage(x, "layers." + (i + 1)) else x |> relu6
  }
  left, _ = halves(x)
  \`a b\` = concat(left, x, axis=-1)
  kernel k0 conv2d(rows=2) {
    y = conv2d(\`a b\`, filters=2, kernel=3x3, name="head")
  }
  output y, scores labels("cat", "dog") = y |> global_avg_pool |> softmax(axis=-1)
}
`;

/** Rules, classes and fusions. */
export const rules = `class act = relu | relu6 | hard_swish

rule benefit(2) flat: concat(a.., concat(b.., axis=i), c.., axis=i) => concat(a.., b.., c.., axis=i)
rule approx(0.01) fold:
  batch_norm(c: convolution(x, w, b, ..r), scale, offset, mean, variance, epsilon=e), t?: act(x)
  => c(x, w * gain, (b - mean) * gain + offset, ..r), t(x)
  where gain = scale / sqrt(variance + e), k = max(e, 0)
  when constant(w, b) and not matches(x, relu(y) | abs(y)) and shared

rules mine before fold-padding {
  rule square_of_abs: square(abs(x)) => square(x)
}
rules nobodys before fuse {}
rules yours after fuse {
  rule add_zero: x + 0 => x
}
fuse mine: depthwise -> elementwise* -> pointwise+ -> act? when fits_on_chip
`;
