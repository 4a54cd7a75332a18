// Seeded mutations of texts and of weight files.

import type { Random } from "#ops/random.js";

const tokens = [
  "(",
  ")",
  "{",
  "}",
  "[",
  "]",
  ",",
  "=",
  "|>",
  "+",
  "-",
  "*",
  "/",
  "=>",
  "->",
  ":",
  "..",
  "\n",
  "`",
  '"',
  "#",
  "0",
  "-1",
  "3x3",
  "1e999",
  "99999999999",
  "0.5",
  "net",
  "block",
  "rule",
  "fuse",
  "repeat",
  "output",
  "return",
  "const",
  "param",
  "input",
  "weights",
  "if",
  "then",
  "else",
  "assert",
  "import",
  "from",
  "class",
  "rules",
  "where",
  "when",
  "not",
  "and",
  "==",
  "%",
  "|",
  "?",
  "## ",
  "x, y",
  "same",
  "true",
  "conv2d",
  "relu",
  "é",
  "\u0000",
  "\t",
  "\r",
];

const numbers = ["0", "-1", "1.5", "7", "1e9", "4294967296", "1e308", "99999999999999999999"];

/** A text with one to four changes. */
export function mutateText(text: string, random: Random): string {
  let result = text;
  for (let change = random.int(1, 4); change > 0; change -= 1) result = mutateOnce(result, random);
  return result;
}

function mutateOnce(text: string, random: Random): string {
  const at = random.int(0, text.length);
  const length = random.int(1, 30);
  switch (random.int(0, 7)) {
    case 0:
      return text.slice(0, at) + text.slice(at + length);
    case 1:
      return text.slice(0, at) + random.pick(tokens) + text.slice(at);
    case 2:
      return text.slice(0, at) + random.pick(tokens) + text.slice(at + length);
    case 3:
      return text.slice(0, at);
    case 4: {
      const lines = text.split("\n");
      lines.splice(random.int(0, lines.length - 1), 1, random.pick(lines), random.pick(lines));
      return lines.join("\n");
    }
    case 5: {
      // A number becomes another, which is how shapes and counts go wrong.
      const places = [...text.matchAll(/\d+/g)];
      if (places.length === 0) return text;
      const place = random.pick(places);
      return text.slice(0, place.index) + random.pick(numbers) + text.slice(place.index + place[0].length);
    }
    case 6: {
      const names = [...text.matchAll(/[a-z_]\w*/g)];
      if (names.length === 0) return text;
      const [place, other] = [random.pick(names), random.pick(names)];
      return text.slice(0, place.index) + other[0] + text.slice(place.index + place[0].length);
    }
    default: {
      const nesting = random.pick([
        "(",
        "[",
        "{ ",
        "relu(",
        "-",
        "x |> ",
        "if a then b else ",
        "if a { ",
        "x[",
      ]);
      return text.slice(0, at) + nesting.repeat(random.pick([10, 1000, 20_000])) + text.slice(at);
    }
  }
}

/** Bytes of a weight file, bent: cut, changed in the header's length, the header or the data. */
export function mutateBytes(bytes: Uint8Array, random: Random): Uint8Array {
  const result = bytes.slice();
  switch (random.int(0, 4)) {
    case 0:
      return result.subarray(0, random.int(0, result.length));
    case 1:
      result[random.int(0, 7)] = random.int(0, 255);
      return result;
    case 2: {
      for (let change = random.int(1, 5); change > 0; change -= 1)
        result[random.int(8, 4000)] = random.int(0, 255);
      return result;
    }
    case 3: {
      // Digits of the header: shapes and offsets that lie.
      const digits = [...result.subarray(8, 4000).keys()].filter(
        (at) => (result[at + 8] ?? 0) >= 48 && (result[at + 8] ?? 0) <= 57,
      );
      for (let change = random.int(1, 3); change > 0; change -= 1)
        result[random.pick(digits) + 8] = random.int(48, 57);
      return result;
    }
    default:
      result.fill(random.int(0, 255), random.int(0, result.length - 1));
      return result;
  }
}
