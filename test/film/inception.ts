// The text of a net like InceptionV3: a stem, and modules of branches that are joined, with batch norms everywhere.

/** `modules` of them; InceptionV3 has 11. */
export function inceptionText(modules: number): string {
  const letters = Array.from({ length: modules }, (_, at) => at + 1);
  return `block unit(x, filters, kernel=1x1, stride=1) {
  return conv2d(x, filters=filters, kernel=kernel, stride=stride, padding=same, bias=false) |> batch_norm |> relu
}

block mixed(x, filters) {
  one = unit(x, filters=filters)
  five = unit(x, filters=filters)
  five = unit(five, filters=filters, kernel=5x5)
  three = unit(x, filters=filters)
  three = unit(three, filters=filters, kernel=3x3)
  three = unit(three, filters=filters, kernel=3x3)
  pool = avg_pool(x, kernel=3x3, stride=1, padding=same) |> conv2d(filters=filters, kernel=1x1, bias=false) |> batch_norm |> relu
  return concat(one, five, three, pool, axis=3)
}

net inception {
  input image: f32[N, 19, 19, 3]
  stem = unit(image, filters=8, kernel=3x3, stride=2)
  mixed0 = unit(stem, filters=8, kernel=3x3)
${letters.map((at) => `  mixed${at} = mixed(mixed${at - 1}, filters=4)`).join("\n")}
  output scores = global_avg_pool(mixed${modules}) |> dense(units=5) |> softmax
}
`;
}
