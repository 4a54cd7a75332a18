// Cases of rendered diagnostics: each marks pieces of its text; and of near misses.

import { describe, expect, test } from "vitest";
import { error, warning, type Diagnostic, type Span } from "#diagnostic/diagnostic.js";
import { lineCol } from "#diagnostic/position.js";
import { render } from "#diagnostic/render.js";
import { didYouMean, suggest } from "#diagnostic/suggest.js";
import { cases } from "../cases.js";

/** What a case says of its diagnostic: a piece of the text to mark, and what to say there. */
interface Marks {
  readonly at?: string;
  readonly label?: string;
  readonly others?: readonly (readonly [piece: string, message: string, file?: string])[];
  readonly help?: readonly string[];
  readonly example?: string;
  /** Turns line ends into CRLF. */
  readonly crlf?: boolean;
  readonly color?: boolean;
}

const file = "model.net";

describe("rendered diagnostics", () => {
  cases(import.meta.dirname, "render.txt", (input, { options, name }) => {
    const { at, label, others = [], help, example, crlf, color = false } = options as Marks;
    const text = crlf ? input.replaceAll("\n", "\r\n") : input;
    const other = "net other {\n  y = f(x)\n}\n";
    const spanOf = (piece: string, where = file): Span => {
      const start = (where === file ? text : other).indexOf(piece);
      return { file: where, start, end: start + piece.length };
    };
    const diagnostic = error("syntax", name, {
      ...(at === undefined ? {} : { span: spanOf(at) }),
      ...(label === undefined ? {} : { label }),
      others: others.map(([piece, message, where]) => ({ span: spanOf(piece, where), message })),
      ...(help === undefined ? {} : { help }),
      ...(example === undefined ? {} : { example }),
    });
    const sources = new Map([
      [file, text],
      ["other.net", other],
    ]);
    // Escapes are shown, so that the cases can be read.
    return render([diagnostic], sources, { color }).replaceAll("\u001b", "␛");
  });
});

test("diagnostics are parted by a blank line; none give nothing", () => {
  const sources = new Map<string, string>();
  const both: Diagnostic[] = [error("syntax", "first"), warning("left-out", "second", { help: ["do it"] })];
  expect(render(both, sources, { color: false })).toBe(
    "error[syntax]: first\n\nwarning[left-out]: second\n  = help: do it\n",
  );
  expect(render([], sources, { color: false })).toBe("");
});

test("a text that is not at hand is named", () => {
  const span = { file: "gone.net", start: 5, end: 9 };
  expect(render([error("syntax", "first", { span })], new Map(), { color: false })).toBe(
    "error[syntax]: first\n --> gone.net\n",
  );
});

test("what would act on a terminal does not reach it", () => {
  const text = "x = \u001b[31m\u202e3\n";
  const span = { file, start: 4, end: 5 };
  const help = ["\u001b[2J"];
  const out = render([error("syntax", "\u001b]0;x\u0007", { span, help })], new Map([[file, text]]), {
    color: false,
  });
  for (const character of ["\u001b", "\u0007", "\u202e"]) expect(out).not.toContain(character);
});

test.each([
  ["", 0, 1, 1],
  ["ab\ncd", 3, 2, 1],
  ["ab\r\ncd", 5, 2, 2],
  ["ab\rcd", 3, 2, 1],
  ["👍👍x", 4, 1, 3],
  ["ab", 99, 1, 3],
  ["ab\n", 3, 2, 1],
])("in %j offset %i is line %i, column %i", (text, offset, line, column) => {
  expect(lineCol(text, offset)).toEqual({ line, column });
});

describe("near misses", () => {
  const ops = [
    "conv2d",
    "depthwise_conv2d",
    "relu",
    "relu6",
    "max_pool2d",
    "avg_pool2d",
    "add",
    "sub",
    "x",
    "y",
  ];
  test.each([
    ["conv", ["conv2d"]],
    ["Conv2D", ["conv2d"]],
    ["rleu", ["relu"]],
    ["reul6", ["relu6", "relu"]],
    ["maxpool2d", ["max_pool2d"]],
    ["mac_pool2d", ["max_pool2d"]],
    ["adn", ["add"]],
    ["softmax", []],
    ["z", []],
    ["", []],
    ["relu", ["relu6"]],
  ])("of %s are %j", (name, expected) => {
    expect(suggest(name, ops)).toEqual(expected);
  });

  test("are three at most, best first, then by name", () => {
    expect(
      suggest("layer.1.kernel", ["layer.4.kernel", "layer.2.kernel", "layer.10.kernel", "layer.3.kernel"]),
    ).toEqual(["layer.10.kernel", "layer.2.kernel", "layer.3.kernel"]);
  });

  test("make a line of help", () => {
    expect(didYouMean("rel", ["relu", "reli"])).toEqual(["did you mean `reli` or `relu`?"]);
    expect(didYouMean("zzz", ["relu"])).toEqual([]);
  });
});
