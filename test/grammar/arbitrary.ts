// Draws random syntax trees for property tests: every kind of node, also odd names and texts.

import fc from "fast-check";
import type {
  Argument,
  Ast,
  BinaryOperator,
  Expression,
  Item,
  Name,
  RuleItem,
  Statement,
} from "#grammar/ast.js";
import { maxConditionals } from "#grammar/tokens/line-ends.js";
import { allWords } from "#grammar/tokens/tokens.js";

/** A tree without a text has no positions: all its nodes are at the start of a file without a name. */
const span = { file: "", start: 0, end: 0 };

const plainName = fc.constantFrom("x", "y", "conv2d", "x3", "k7", "x.2.d", "_a", "image");
const nameText = fc.oneof(
  { weight: 8, arbitrary: plainName },
  { weight: 1, arbitrary: fc.constantFrom(...allWords) },
  {
    weight: 1,
    arbitrary: fc.constantFrom("conv1/relu:0", "a b", "3x3", "1", "`", "\\", "é", "a.", "\n", "# no"),
  },
  { weight: 1, arbitrary: fc.string({ unit: "binary", minLength: 1, maxLength: 6 }) },
);
const name: fc.Arbitrary<Name> = nameText.map((text) => ({ text, span }));
const text = fc.oneof(
  fc.constantFrom("", "a.safetensors", 'say "hi"', "\\n", "\n\t"),
  fc.string({ unit: "binary" }),
);
const string = text.map((value) => ({ kind: "string", value, span }) as const);

const numberText = fc.constantFrom("0", "1", "0.5", "1e-3", "1.0", "224", "2E+10", "007");
const number = numberText.map((text) => ({ kind: "number", value: Number(text), text, span }) as const);
const size = fc
  .array(fc.integer({ min: 0, max: 999 }), { minLength: 2, maxLength: 4 })
  .map((values) => ({ kind: "size", values, span }) as const);
// A keyword or an odd name can be read only in backticks, so only plain names are unquoted.
const nameExpression = fc.oneof(
  plainName.map((name) => ({ kind: "name", name, quoted: false, span }) as const),
  nameText.map((name) => ({ kind: "name", name, quoted: true, span }) as const),
);

const operator = fc.constantFrom<BinaryOperator>(
  ...(["+", "-", "*", "/", "%", "==", "!=", "<", "<=", ">", ">=", "and", "or", "|"] as const),
);

const { expression, call } = fc.letrec<{
  expression: Expression;
  call: Expression & { kind: "call" };
  argument: Argument;
}>((tie) => ({
  expression: fc.oneof(
    { maxDepth: 5, depthSize: "medium" },
    nameExpression,
    number,
    size,
    string,
    tie("call"),
    fc.array(tie("expression"), { maxLength: 5 }).map((items) => ({ kind: "list", items, span }) as const),
    fc
      .array(number, { minLength: 30, maxLength: 60 })
      .map((items) => ({ kind: "list", items, span }) as const),
    fc
      .record({ value: tie("expression"), call: tie("call"), parentheses: fc.boolean() })
      .map(({ value, call, parentheses }): Expression => {
        const needed = parentheses || call.arguments.length > 0 || call.binder !== undefined;
        return { kind: "pipe", value, call, parentheses: needed, span };
      }),
    fc
      .record({ operator, left: tie("expression"), right: tie("expression") })
      .map((parts): Expression => ({ kind: "binary", ...parts, span })),
    fc
      .record({ list: tie("expression"), index: tie("expression") })
      .map((parts): Expression => ({ kind: "index", ...parts, span })),
    fc
      .record({ condition: tie("expression"), then: tie("expression"), otherwise: tie("expression") })
      .map((parts): Expression => ({ kind: "conditional", ...parts, span })),
    fc
      .record({ operator: fc.constantFrom("-" as const, "not" as const), operand: tie("expression") })
      .map((parts): Expression => ({ kind: "unary", ...parts, span })),
  ),
  call: fc
    .record(
      {
        callee: name,
        binder: name,
        optional: fc.constant(true as const),
        arguments: fc.array(tie("argument"), { maxLength: 6 }),
      },
      { requiredKeys: ["callee", "arguments"] },
    )
    .map(({ optional, ...parts }) => ({
      kind: "call" as const,
      ...parts,
      ...(optional && parts.binder ? { optional } : {}),
      span,
    })),
  argument: fc.oneof(
    tie("expression").map((value): Argument => ({ kind: "positional", value, span })),
    fc
      .record({ name, value: tie("expression") })
      .map((parts): Argument => ({ kind: "named", ...parts, span })),
    name.map((name): Argument => ({ kind: "rest", name, span })),
    tie("expression").map((value): Argument => ({ kind: "spread", value, span })),
  ),
}));

const type = fc
  .record({ dtype: name, shape: fc.array(expression, { maxLength: 4 }) })
  .map((parts) => ({ ...parts, span }));
const constant = fc
  .record({ name, value: expression })
  .map((parts) => ({ kind: "const", ...parts, span }) as const);

/** `preprocess(…)`, `labels(…)`: a call that always has its brackets. */
const wordCall = (word: string) =>
  call.map((made) => ({
    kind: "call" as const,
    callee: { text: word, span },
    arguments: made.arguments,
    span,
  }));

const target = fc.record({ name, type }, { requiredKeys: ["name"] });

const { body } = fc.letrec<{ statement: Statement; body: Statement[] }>((tie) => ({
  statement: fc.oneof(
    { maxDepth: 3, depthSize: "small" },
    fc
      .record({ name, type, value: expression }, { requiredKeys: ["name", "value"] })
      .map((parts): Statement => ({ kind: "bind", ...parts, span })),
    fc
      .record({ targets: fc.array(target, { minLength: 2, maxLength: 3 }), value: expression })
      .map((parts): Statement => ({ kind: "unpack", ...parts, span })),
    fc
      .record(
        {
          branches: fc.array(
            fc.record({
              condition: expression,
              body: tie("body").map((statements) => ({ statements, span })),
            }),
            { minLength: 1, maxLength: 3 },
          ),
          otherwise: tie("body").map((statements) => ({ statements, span })),
        },
        { requiredKeys: ["branches"] },
      )
      .map((parts): Statement => ({ kind: "if", ...parts, span })),
    fc
      .record({ condition: expression, message: expression }, { requiredKeys: ["condition"] })
      .map((parts): Statement => ({ kind: "assert", ...parts, span })),
    string.map((path): Statement => ({ kind: "weights", path, span })),
    fc
      .record({ name, type, preprocess: wordCall("preprocess") }, { requiredKeys: ["name", "type"] })
      .map((parts): Statement => ({ kind: "input", ...parts, span })),
    fc
      .record({ name, type, value: expression }, { requiredKeys: ["name", "type"] })
      .map((parts): Statement => ({ kind: "param", ...parts, span })),
    constant,
    fc
      .record({ count: expression, index: name, body: tie("body") }, { requiredKeys: ["count", "body"] })
      .map((parts): Statement => ({ kind: "repeat", ...parts, span })),
    fc
      .record(
        { name, plan: call.filter(({ binder }) => binder === undefined), body: tie("body") },
        { requiredKeys: ["name", "plan", "body"] },
      )
      .map((parts): Statement => ({ kind: "kernel", ...parts, span })),
    fc
      .array(fc.record({ name, labels: wordCall("labels"), value: expression }, { requiredKeys: ["name"] }), {
        minLength: 1,
        maxLength: 8,
      })
      .map((outputs): Statement => ({ kind: "output", outputs, span })),
    fc
      .array(expression, { minLength: 1, maxLength: 3 })
      .map((values): Statement => ({ kind: "return", values, span })),
  ),
  body: fc.array(tie("statement"), { maxLength: 5 }),
}));

const parameter = fc
  .record({ name, default: expression }, { requiredKeys: ["name"] })
  .map((parts) => ({ ...parts, span }));
const link = fc
  .record({ name, repeat: fc.constantFrom("one" as const, "*" as const, "+" as const, "?" as const) })
  .map((parts) => ({ ...parts, span }));

const side = fc.array(expression, { minLength: 1, maxLength: 3 });
const rule = fc
  .record(
    {
      name,
      approx: expression,
      benefit: expression,
      patterns: side,
      replacements: side,
      where: fc.array(
        fc.record({ name, value: expression }).map((parts) => ({ ...parts, span })),
        { maxLength: 3 },
      ),
      when: expression,
    },
    { requiredKeys: ["name", "patterns", "replacements", "where"] },
  )
  .map((parts): RuleItem => ({ kind: "rule", ...parts, span }));
const passName = fc
  .array(fc.constantFrom("fuse", "fold", "batch", "net"), { minLength: 1, maxLength: 3 })
  .map((words) => ({ text: words.join("-"), span }));
const place = fc
  .record({ side: fc.constantFrom("before" as const, "after" as const), pass: passName })
  .map((parts) => ({ ...parts, span }));

const item: fc.Arbitrary<Item> = fc.oneof(
  constant,
  fc
    .record({ names: fc.array(name, { minLength: 1, maxLength: 3 }), path: string })
    .map((parts): Item => ({ kind: "import", ...parts, span })),
  fc.record({ name, body }).map((parts): Item => ({ kind: "net", ...parts, span })),
  fc
    .record({ name, parameters: fc.array(parameter, { maxLength: 5 }), body })
    .map((parts): Item => ({ kind: "block", ...parts, span })),
  rule,
  fc
    .record({ name, members: fc.array(name, { minLength: 1, maxLength: 9 }) })
    .map((parts): Item => ({ kind: "class", ...parts, span })),
  fc
    .record({ name, place, rules: fc.array(rule, { maxLength: 3 }) }, { requiredKeys: ["name", "rules"] })
    .map((parts): Item => ({ kind: "rules", ...parts, span })),
  fc
    .record(
      { name, links: fc.array(link, { minLength: 1, maxLength: 12 }), when: expression },
      { requiredKeys: ["name", "links"] },
    )
    .map((parts): Item => ({ kind: "fuse", ...parts, span })),
);

/** Whether no statement can have more `if` than a statement may. */
const isReadable = (one: Item): boolean =>
  JSON.stringify(one).split('"kind":"conditional"').length <= maxConditionals;

/** Trees as the compiler makes them: without text and comments. */
export const arbitraryAst: fc.Arbitrary<Ast> = fc
  .array(item.filter(isReadable), { maxLength: 5 })
  .map((items) => ({ file: "", items, comments: [] }));
