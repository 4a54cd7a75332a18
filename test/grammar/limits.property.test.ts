// Texts that are deep, long or broken always give a tree and errors, and never a stack overflow.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { maxNesting } from "#grammar/tokens/line-ends.js";
import { parse } from "#grammar/reading/parse.js";
import { print } from "#grammar/printing/print.js";
import { leftOperations } from "#grammar/left-operations.js";
import { tokenize } from "#grammar/tokens/lexer.js";
import { scaled } from "../scale.js";
import { arbitraryAst } from "./arbitrary.js";
import { dump } from "./dump.js";

const net = (body: string): string => `net a {\n${body}\n  last = x\n}\n`;

function codes(text: string): string[] {
  return parse(text, "limits.net").diagnostics.map(({ code }) => code);
}

describe.each([
  ["parentheses", (n: number) => `x = ${"(".repeat(n)}y${")".repeat(n)}`],
  ["calls", (n: number) => `x = ${"f(a=".repeat(n)}y${")".repeat(n)}`],
  ["pipes in calls", (n: number) => `x = ${"y |> f(".repeat(n)}y${")".repeat(n)}`],
  ["lists", (n: number) => `x = ${"[".repeat(n)}y${"]".repeat(n)}`],
  ["bodies", (n: number) => `${"repeat 2 {".repeat(n)} x = y ${"}".repeat(n)}`],
  ["signs", (n: number) => `x = ${"-".repeat(n)}y`],
  ["negations", (n: number) => `x = ${"not ".repeat(n)}y`],
])("%s inside each other", (name, text) => {
  // The body around them is one level.
  const most = name === "signs" || name === "negations" ? maxNesting : maxNesting - 1;

  test("up to the greatest depth, they are read and printed", () => {
    const { value, diagnostics } = parse(net(text(most)), "limits.net");
    expect(diagnostics).toEqual([]);
    expect(value && dump(parse(print(value), "limits.net").partial.items)).toBe(value && dump(value.items));
  });

  test.each([most + 1, 10_000, 100_000])(
    "%i deep, they are an error, and the text after them is read",
    (depth) => {
      expect(codes(net(text(depth)))).toEqual(["too-deep"]);
      const net_ = parse(net(text(depth)), "limits.net").partial.items[0];
      expect(net_?.kind === "net" && net_.body.at(-1)).toMatchObject({
        kind: "bind",
        name: { text: "last" },
      });
    },
  );
});

test.each([
  ["open parentheses", "x = " + "(".repeat(100_000)],
  ["closing parentheses", "x = " + ")".repeat(100_000)],
  ["brackets that do not match", "x = " + "([".repeat(50_000) + ")".repeat(100_000)],
  ["open braces", "{".repeat(100_000)],
  ["closing braces", "}".repeat(100_000)],
  ["quotes", '"'.repeat(100_001)],
  ["backslashes in a string", `x = "${"\\".repeat(100_001)}`],
  ["dots", "x = " + ".".repeat(100_000)],
  ["open bodies on lines", "net a {\n".repeat(5_000)],
])("%s alone end in errors", (_name, text) => {
  expect(codes(text).length).toBeGreaterThan(0);
});

test.each(["{", "(", "[", ")", "= ", "x ", "1 ", '"" ', "# \n", "\n"])(
  "more than two million of %j are not read",
  (sign) => {
    const { partial, diagnostics } = parse(sign.repeat(2_000_001), "limits.net");
    expect(diagnostics.map(({ code }) => code)).toEqual(["too-large"]);
    expect(diagnostics[0]?.span?.start).toBeGreaterThanOrEqual(2_000_000);
    expect(partial.items).toEqual([]);
  },
);

test("of thousands of syntax errors, a thousand are reported", () => {
  const { diagnostics } = parse(net("  x = = y\n".repeat(5000)), "limits.net");
  expect(diagnostics.map(({ code }) => code)).toEqual([
    ...Array<string>(1000).fill("syntax"),
    "too-many-errors",
  ]);
});

test("`-` and `not` are counted through lists and parentheses", () => {
  const deep = (count: number): string =>
    `x = ${"-".repeat(count)}[1, ${"-".repeat(count)}(y), [${"-".repeat(count)}y]]`;
  expect(codes(net(deep(maxNesting / 2)))).toEqual([]);
  expect(codes(net(deep(maxNesting / 2 + 1)))).toEqual(["too-deep", "too-deep"]);
});

// More statements than a call can have arguments.
test("150,000 statements with a comment each are printed", () => {
  const length = 150_000;
  const { partial } = parse("net a {\n  x = y  # c\n}\n", "limits.net");
  const [item] = partial.items;
  const [statement] = item?.kind === "net" ? item.body : [];
  const [comment] = partial.comments;
  const { lineStarts: _, ...ast } = partial;
  const at = (offset: number) => ({ file: "limits.net", start: offset, end: offset });
  const body = Array.from({ length }, (_, k) => ({ ...statement!, span: at(2 * k + 10) }));
  const comments = body.map((_, k) => ({ ...comment!, span: at(2 * k + 11) }));
  const items = [{ ...item!, body, span: { ...at(0), end: 2 * length + 20 } }] as typeof partial.items;
  const lines = print({ ...ast, items, comments }).split("\n");
  expect(lines.filter((line) => line === "  x = y  # c")).toHaveLength(length);
});

describe("long texts without nesting are read and printed", () => {
  test.each([
    ["a sum", `x = ${Array.from({ length: 5_000 }, () => "y").join(" + ")}`, 4_999],
    ["products in a sum", `x = ${Array.from({ length: 5_000 }, () => "y * z").join(" - ")}`, 5_000],
    ["pipes", `x = y${" |> relu".repeat(5_000)}`, 5_000],
    ["conditions", `x = ${Array.from({ length: 5_000 }, () => "not y").join(" and ")}`, 4_999],
  ])("%s", (_name, text, links) => {
    const { value, diagnostics } = parse(net(text), "limits.net");
    expect(diagnostics).toEqual([]);
    const first = value?.items[0];
    const binding = first?.kind === "net" ? first.body[0] : undefined;
    expect(binding?.kind === "bind" && leftOperations(binding.value).operations.length).toBe(links);
    const printed = value ? print(value) : "";
    expect(print(parse(printed, "limits.net").partial)).toBe(printed);
  });

  test("20,000 statements, and a list of 20,000 numbers", () => {
    const text = net(
      `${"  x = conv2d(x, filters=8) |> relu\n".repeat(20_000)}  w = [${"1.5, ".repeat(20_000)}]`,
    );
    const { value, diagnostics } = parse(text, "limits.net");
    expect(diagnostics).toEqual([]);
    const first = value?.items[0];
    expect(first?.kind === "net" && first.body.length).toBe(20_002);
    expect(value && print(value).split("\n").length).toBeGreaterThan(20_000);
  });
});

test("every text gives a tree or an error, and a tree prints and reads again", () => {
  const words = "net block rule fuse input repeat kernel output return where when not x f 3 3x3 3x";
  const signs = '"s" " `n` ` ( ) [ ] { } = => -> |> + - * ? , : .. # é \\';
  const pieces = fc.constantFrom(...`${words} ${signs}`.split(" "), "\n", "\r\n", "\t", "\u0000", "\ud800");
  const text = fc.array(pieces, { maxLength: 80 }).map((all) => all.join(" "));
  fc.assert(
    fc.property(fc.oneof(text, text, fc.string({ unit: "binary" })), (input) => {
      const { partial, diagnostics } = parse(input, "random.net");
      for (const { span } of diagnostics) {
        expect(span?.start).toBeGreaterThanOrEqual(0);
        expect(span?.end).toBeLessThanOrEqual(input.length);
        expect(span?.start).toBeLessThanOrEqual(span?.end ?? 0);
      }
      // The text in between is dropped, so comments may end up elsewhere. The tree must be the same.
      const printed = print({ ...partial, comments: [] });
      const again = parse(printed, "random.net");
      expect(again.diagnostics.filter(({ code }) => !["empty-name", "bad-escape"].includes(code))).toEqual(
        [],
      );
    }),
    { numRuns: scaled(2000) },
  );
});

test("a wrong statement is one error, and all others are read", () => {
  const wrong = [
    "x = = 1",
    "x = f(1, 2",
    "x = 3x",
    "x = 1 2",
    "inptu x: f32[1]",
    "x = f(a b",
    "output 3",
    'x = "a',
  ];
  fc.assert(
    fc.property(arbitraryAst, fc.constantFrom(...wrong), fc.nat(), (ast, statement, place) => {
      const body = ast.items.flatMap((item) =>
        item.kind === "net" || item.kind === "block" ? item.body : [],
      );
      const at = place % (body.length + 1);
      const span = { file: "", start: 0, end: 0 };
      const part = (statements: typeof body): string => {
        const item = { kind: "net", name: { text: "n", span }, body: statements, span } as const;
        return print({ file: "", items: [item], comments: [] })
          .split("\n")
          .slice(1, -2)
          .join("\n");
      };
      const right = `net n {\n${part(body)}\n}\n`;
      const text = `net n {\n${part(body.slice(0, at))}\n  ${statement}\n${part(body.slice(at))}\n}\n`;
      const { partial, diagnostics } = parse(text, "random.net");
      expect(diagnostics.map(({ message }) => message)).toHaveLength(1);
      expect(dump(partial.items)).toBe(dump(parse(right, "random.net").partial.items));
    }),
    { numRuns: scaled(200) },
  );
});

test("every character of a text belongs to a token, a comment or white space", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      const { tokens, comments } = tokenize(text);
      const length = [...tokens, ...comments].reduce((sum, { image }) => sum + image.length, 0);
      const spaces = text.replaceAll(/[^ \t\ufeff]/g, "").length;
      expect(length).toBeLessThanOrEqual(text.length);
      expect(length + spaces).toBeGreaterThanOrEqual(text.length);
    }),
    { numRuns: scaled(100) },
  );
});
