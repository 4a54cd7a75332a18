// The texts of the menu: a short one for a start, one that shows rules, and the nets of examples/.

export interface Example {
  readonly name: string;
  readonly title: string;
  readonly text: string;
}

const start = `# Change anything: errors, the graph and the kernels follow.

block separable(x, filters, stride=1) {
  d = depthwise_conv2d(x, kernel=3x3, stride=stride, padding=same, bias=false)
    |> batch_norm
    |> relu6
  return conv2d(d, filters=filters, kernel=1x1, bias=false) |> batch_norm |> relu6
}

net small {
  input image: f32[N, 32, 32, 3]
  x = conv2d(image, filters=16, kernel=3x3, padding=same, bias=false) |> batch_norm |> relu6
  x = separable(x, filters=32, stride=2)
  x = separable(x, filters=64, stride=2)
  output classes = x |> global_avg_pool |> dense(units=10) |> softmax
}
`;

const rules = `# A net with a rule and a fusion of its own. See the graph "as it was written" and after apply-rules.

rule hard_swish_from_parts: x * (relu6(x + 3) / 6) => hard_swish(x)

fuse activated: convolution -> activation

net parts {
  input image: f32[1, 16, 16, 3]
  c = conv2d(image, filters=8, kernel=3x3, padding=same)
  s = c * (relu6(c + 3) / 6)
  output y = global_avg_pool(s)
}
`;

const files = import.meta.glob<string>("../../*.net", { eager: true, query: "?raw", import: "default" });

export const examples: readonly Example[] = [
  { name: "start", title: "A small net", text: start },
  { name: "rules", title: "A rule of its own", text: rules },
  ...Object.entries(files).map(([path, text]) => {
    const name = path.slice(path.lastIndexOf("/") + 1);
    return { name, title: name, text };
  }),
];
