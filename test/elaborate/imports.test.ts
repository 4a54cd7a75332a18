// Models of several files, which a resolver of the caller opens.

import { describe, expect, test } from "vitest";
import { render } from "#diagnostic/render.js";
import type { ElaborateOptions } from "#elaborate/elaborate.js";
import { elaborate } from "#elaborate/elaborate.js";
import { parse } from "#grammar/reading/parse.js";
import { printGraph } from "#inspect/lift.js";

/** The dump of the net of `main`, or the errors; other files are opened by their names. */
function result(
  files: Readonly<Record<string, string>>,
  options: Omit<ElaborateOptions, "imports"> = {},
): string {
  const sources = new Map(Object.entries(files));
  const main = parse(files["main"]!, "main");
  const { value, diagnostics } = elaborate(main.partial, {
    ...options,
    imports: {
      open: (path, from) => {
        const file = path.startsWith("./") ? `${from.replace(/[^/]*$/, "")}${path.slice(2)}` : path;
        const text = sources.get(file);
        if (text === undefined)
          return { diagnostics: [{ severity: "error", code: "cannot-read", message: `no ${file}` }] };
        return { value: { file, text }, diagnostics: [] };
      },
    },
  });
  const said = render([...main.diagnostics, ...diagnostics], sources, { color: false });
  return value ? `${said}${printGraph(value)}` : said;
}

const net = (body: string): string => `net n {\n  input x: f32[N, 4]\n${body}\n}\n`;

/** The codes of rendered diagnostics, with their places. */
const places = (text: string): string[] =>
  [...text.matchAll(/^(?:error|warning)\[([\w-]+)\].*\n +--> (\S+)/gm)].map(
    ([, code, at]) => `${code} ${at}`,
  );

describe("what an imported block sees", () => {
  test("is its own file, even where the net's file has the same names", () => {
    const files = {
      main: `import layer from "lib"\nconst k = 3\nblock helper(x) { return x - k }\n${net(
        "  output y = layer(helper(x))",
      )}`,
      lib: "const k = 2\nblock helper(x) { return x * k }\nblock layer(x) { return helper(x) }\n",
    };
    expect(result(files)).toContain("y.sub = sub(x, 3)");
    expect(result(files)).toContain("y = mul(y.sub, 2)");
    expect(result(files, { dims: new Map([["k", 7]]) })).toContain("y = mul(y.sub, 2)");
    expect(result(files, { dims: new Map([["k", 7]]) })).toContain("sub(x, 7)");
  });

  test("are names that its file imports, in whatever order the files come", () => {
    const files = {
      main: `import layer from "a/lib"\nimport k from "a/const"\n${net("  output y = layer(x) + k")}`,
      "a/lib": 'import k from "./const"\nconst twice = 2 * k\nblock layer(x) { return x * twice }\n',
      "a/const": "const k = 5\nconst other = 1\n",
    };
    expect(result(files)).toContain("mul(x, 10)");
    expect(result(files)).toContain("add(y.mul, 5)");
  });

  test("are blocks that the net passes to it", () => {
    const files = {
      main: `import apply from "lib"\nblock f(x) { return x * 3 }\n${net("  output y = apply(x, f)")}`,
      lib: "block f(x) { return x * 4 }\nblock apply(x, g) { return f(g(x)) }\n",
    };
    expect(result(files)).toContain("y.mul = mul(x, 3)");
    expect(result(files)).toContain("y = mul(y.mul, 4)");
  });
});

test("a value given by name overrides a const that the model imports, also for the blocks of its file", () => {
  const files = {
    main: `import layer, k from "lib"\n${net("  output y = layer(x) - k")}`,
    lib: "const k = 2\nconst other = 5\nconst twice = 2 * k\nblock layer(x) { return x * twice + other }\n",
  };
  const text = result(files, { dims: new Map([["k", 7]]) });
  expect(text).toContain("mul(x, 14)");
  expect(text).toContain("sub(y.add, 7)");
  // The model does not name the other const.
  expect(result(files, { dims: new Map([["other", 1]]) })).toMatch(
    /net `n` has no dimension or const `other`[^]*help: it has `N`, `k`/,
  );
});

test("wrong imports are errors in the file that imports", () => {
  const lib = 'block f(x) { return x }\nconst k = 1\nimport g from "more"\nnet other { output y = 1 }\n';
  const files = {
    main: `import f, f, h, g, other from "lib"\nimport k from "lib"\nimport z from "none"\nconst k = 2\n${net(
      "  output y = f(x) + h(x) + z + missing",
    )}`,
    lib,
    more: "block g(x) { return x }\n",
  };
  const said = places(result(files));
  expect(said).toEqual([
    "repeated-name main:1:11",
    "unknown-import main:1:14",
    "unknown-import main:1:17",
    "unknown-import main:1:20",
    "repeated-name main:2:8",
    "cannot-read main:3:15",
    "unknown-name main:7:32",
  ]);
});

test("files that import each other are an error, however long the circle", () => {
  const files = {
    main: `import a from "a"\n${net("  output y = a(x)")}`,
    a: 'import b from "b"\nblock a(x) { return b(x) }\n',
    b: 'import c from "c"\nblock b(x) { return c(x) }\n',
    c: 'import a from "a"\nblock c(x) { return a(x) }\n',
  };
  expect(result(files)).toContain("files import each other: `a` → `b` → `c` → `a`");
  expect(result({ main: `import f from "main"\n${net("  output y = f(x)")}` })).toContain(
    "`main` imports itself",
  );
});

test("many files are an error before they are read", () => {
  const files = Object.fromEntries(
    Array.from({ length: 300 }, (_, k) => [`f${k}`, `import b from "f${k + 1}"\nblock b(x) { return x }\n`]),
  );
  const said = result({ ...files, main: `import b from "f0"\n${net("  output y = b(x)")}` });
  expect(said).toContain("the model has more than 100 files");
});

test("without a resolver, an import is an error", () => {
  const { diagnostics } = elaborate(parse(`import f from "lib"\n${net("  output y = f(x)")}`, "main").value!);
  expect(diagnostics.map(({ code }) => code)).toEqual(["wrong-import"]);
});

test("a syntax error hides no errors of other items, in no file", () => {
  const files = {
    main: [
      'import broken, fine from "lib"',
      "block wrong(x) {\n  y = = x\n  return y\n}",
      "block head(x, { return x }",
      "const k =",
      net("  a = wrong(x) |> head |> broken |> fine(k)\n  output y = a + imge"),
    ].join("\n"),
    lib: "block broken(x) { return ( }\nblock fine(x, k) { return rellu(x) }\n",
  };
  expect(places(result(files))).toEqual([
    "syntax main:3:7",
    "syntax main:6:15",
    "syntax main:7:10",
    "unknown-name main:11:18",
    "syntax lib:1:27",
  ]);
});
