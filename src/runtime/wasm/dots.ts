// Whether an engine's dot products of four bytes are right. Only modules that use them contain this file.

/**
 * Multiplies known integers. The first factor is −128 … 127, the second 0 … 127; engines differ in what they make of others, and some are
 * wrong for these too.
 */
export function dotsAreRight(): boolean {
  const [a, b, sums]: [number[], number[], number[]] = [[], [], []];
  for (let lane = 0; lane < 4; lane++) {
    let sum = lane - 2;
    for (let at = 0; at < 4; at++) {
      const x = [-128, 127, -1, 77][(lane * at + lane) % 4] as number;
      const y = [127, 127, 64, 0][(lane + at * (lane & 2)) % 4] as number;
      a.push(x & 255);
      b.push(y);
      sum += x * y;
    }
    for (let byte = 0; byte < 4; byte++) sums.push((sum >> (8 * byte)) & 255);
  }
  const start = [-2, -1, 0, 1].flatMap((value) => [
    value & 255,
    (value >> 31) & 255,
    (value >> 31) & 255,
    (value >> 31) & 255,
  ]);
  const constant = (bytes: readonly number[]): number[] => [0xfd, 12, ...bytes];
  // i32x4.relaxed_dot_i8x16_i7x16_add_s, i32x4.eq, i32x4.all_true.
  const [dot, equal, end] = [
    [0xfd, 0x93, 0x02],
    [0xfd, 0x37],
    [0xfd, 0xa3, 0x01, 0x0b],
  ];
  const operands = [a, b, start].flatMap(constant);
  const code = [0, ...operands, ...dot, ...constant(sums), ...equal, ...end];
  const magic = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];
  // A function without parameters that returns an i32, exported as "f".
  const types = [1, 5, 1, 0x60, 0, 1, 0x7f, 3, 2, 1, 0, 7, 5, 1, 1, 0x66, 0, 0];
  const body = [10, code.length + 2, 1, code.length, ...code];
  const binary = Uint8Array.from([...magic, ...types, ...body]);
  if (!WebAssembly.validate(binary)) return false;
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(binary));
  return (exports["f"] as () => number)() === 1;
}
