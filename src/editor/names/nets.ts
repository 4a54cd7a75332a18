// Resolves the names in nets, blocks and consts, in the order in which elaboration binds them.

import { given } from "#diagnostic/given.js";
import type { Span } from "#diagnostic/diagnostic.js";
import type {
  BlockItem,
  CallExpression,
  ConstItem,
  Expression,
  Name,
  NetItem,
  Statement,
  TypeExpression,
} from "#grammar/ast.js";
import { repeatLimit } from "#elaborate/elaboration.js";
import { isReserved } from "#elaborate/literals.js";
import { settings } from "#elaborate/pictures.js";
import { alwaysReturn, bodiesOf } from "#elaborate/returns.js";
import { isOp } from "#ops/index.js";
import type { Collector, Definition, DefinitionKind, Reference } from "./definition.js";
import { definitionOf } from "./definition.js";
import { walkExpression } from "./walk.js";

/** The definitions that a name may have at one place. */
type Visible = readonly Definition[];

/** The state of one net, block or const. */
interface Scope {
  readonly collector: Collector;
  readonly item: NetItem | BlockItem | ConstItem;
  readonly names: Map<string, Visible>;
  /** Symbols in the types of inputs. */
  readonly dimensions: Map<string, Visible>;
  /** The definition that each binding name makes; a binding in a `repeat` is found twice. */
  readonly made: Map<Name, Definition>;
  /** The names that a body binds last. Memoized, since bodies nest. */
  readonly last: Map<readonly Statement[], ReadonlyMap<string, Visible>>;
}

/** Resolves a net, a block, or a const of the file. */
export function resolveBody(collector: Collector, item: NetItem | BlockItem | ConstItem): void {
  const scope: Scope = {
    collector,
    item,
    names: new Map(),
    dimensions: new Map(),
    made: new Map(),
    last: new Map(),
  };
  if (item.kind === "const") return resolve(scope, item.value);
  if (item.kind === "block") {
    for (const [name, definition] of collector.parameters.get(item) ?? [])
      scope.names.set(name, [definition]);
    for (const parameter of item.parameters) if (parameter.default) resolve(scope, parameter.default);
  }
  run(scope, item.body);
}

function run(scope: Scope, body: readonly Statement[]): void {
  for (const statement of body) runStatement(scope, statement);
}

function runStatement(scope: Scope, statement: Statement): void {
  switch (statement.kind) {
    case "weights":
      return;
    case "input":
      for (const extent of statement.type.shape) resolveExtent(scope, extent);
      if (statement.preprocess) resolvePreprocess(scope, statement.preprocess);
      break;
    case "param":
      for (const extent of statement.type.shape) resolve(scope, extent);
      if (statement.value) resolve(scope, statement.value);
      break;
    case "const":
      resolve(scope, statement.value);
      break;
    case "bind":
      resolve(scope, statement.value);
      if (statement.type) resolveType(scope, statement.type);
      break;
    case "unpack":
      resolve(scope, statement.value);
      for (const { type } of statement.targets) if (type) resolveType(scope, type);
      break;
    case "if":
      return runIf(scope, statement);
    case "assert":
      resolve(scope, statement.condition);
      if (statement.message) resolve(scope, statement.message);
      return;
    case "repeat":
      return runRepeat(scope, statement);
    case "kernel":
      scope.collector.definitions.push(
        definitionOf("kernel", statement.name, statement.span, { item: scope.item }),
      );
      for (const argument of statement.plan.arguments)
        if (argument.kind === "named" && argument.name.text !== "fusion") resolve(scope, argument.value);
      return run(scope, statement.body);
    case "output":
      // All values are evaluated before any name is bound.
      for (const { name, value } of statement.outputs) {
        if (value) resolve(scope, value);
        else use(scope, name.text, name.quoted ?? false, name.span, "value");
      }
      break;
    case "return":
      for (const value of statement.values) resolve(scope, value);
      return;
    default:
      return statement satisfies never;
  }
  for (const [name, definitions] of boundBy(scope, statement)) scope.names.set(name, definitions);
}

function runRepeat(scope: Scope, statement: Extract<Statement, { kind: "repeat" }>): void {
  const { count, index, body } = statement;
  resolve(scope, count);
  const before = new Map(scope.names);
  if (index) scope.names.set(index.text, [made(scope, "index", index, index.span)]);
  // A use in the body sees what is bound before the `repeat`, and what the copy before it has bound.
  const last = lastOf(scope, body);
  addAll(scope.names, last);
  run(scope, body);
  // A `repeat` whose count is not written as a number may have no copies.
  const times = count.kind === "number" && Number.isInteger(count.value) ? count.value : 0;
  if (times < 1 || times > repeatLimit) {
    const names = new Set([...last.keys(), ...(index ? [index.text] : [])]);
    for (const name of names) addAll(scope.names, new Map([[name, before.get(name) ?? []]]));
  }
}

/** Each body begins with what is bound before the `if`. Behind it, a name has what any of the bodies that do not return has bound. */
function runIf(scope: Scope, statement: Extract<Statement, { kind: "if" }>): void {
  const before = new Map(scope.names);
  const after = new Map<string, Visible>(statement.otherwise ? [] : before);
  const runBody = (body: readonly Statement[]): void => {
    const names = new Map(before);
    run({ ...scope, names }, body);
    if (!alwaysReturn(body)) addAll(after, names);
  };
  for (const { condition, body } of statement.branches) {
    resolve(scope, condition);
    runBody(body.statements);
  }
  if (statement.otherwise) runBody(statement.otherwise.statements);
  for (const [name, definitions] of after) scope.names.set(name, definitions);
}

/** Adds definitions to those that names have. */
function addAll(names: Map<string, Visible>, more: ReadonlyMap<string, Visible>): void {
  for (const [name, definitions] of more) {
    const known = names.get(name);
    if (!known) names.set(name, definitions);
    else if (known !== definitions) names.set(name, [...new Set([...known, ...definitions])]);
  }
}

/** The names that a statement itself binds, without those of its bodies. */
function boundBy(scope: Scope, statement: Statement): [string, Visible][] {
  const one = (kind: DefinitionKind, name: Name, value?: Expression, doc?: string): [string, Visible] => [
    name.text,
    [made(scope, kind, name, statement.span, given({ value, doc }))],
  ];
  switch (statement.kind) {
    case "input":
    case "param":
      return [one(statement.kind, statement.name, undefined, statement.doc)];
    case "const":
      return [one("constant", statement.name, statement.value, statement.doc)];
    case "bind":
      return [one("value", statement.name, statement.value)];
    case "unpack":
      return statement.targets.map(({ name }) => one("value", name));
    case "output":
      return statement.outputs.flatMap(({ name, value }) => (value ? [one("value", name, value)] : []));
    case "repeat":
    case "if":
    case "kernel":
    case "assert":
    case "weights":
    case "return":
      return [];
    default:
      return statement satisfies never;
  }
}

function made(
  scope: Scope,
  kind: DefinitionKind,
  name: Name,
  whole: Span,
  details: Pick<Definition, "doc" | "value"> = {},
): Definition {
  const known = scope.made.get(name);
  if (known) return known;
  const definition = {
    ...definitionOf(kind, name, whole, { item: scope.item, ...details }),
    from: whole.end,
  };
  scope.made.set(name, definition);
  scope.collector.definitions.push(definition);
  return definition;
}

/** The definitions that names may have at the end of a body which binds them. */
function lastOf(scope: Scope, body: readonly Statement[]): ReadonlyMap<string, Visible> {
  const known = scope.last.get(body);
  if (known) return known;
  const last = new Map<string, Visible>();
  for (const statement of body) {
    for (const [name, definitions] of boundBy(scope, statement)) last.set(name, definitions);
    if (statement.kind === "repeat" || statement.kind === "kernel")
      for (const [name, definitions] of lastOf(scope, statement.body)) last.set(name, definitions);
    if (statement.kind === "repeat" && statement.index)
      last.set(statement.index.text, [made(scope, "index", statement.index, statement.index.span)]);
    if (statement.kind === "if") for (const inner of bodiesOf(statement)) addAll(last, lastOf(scope, inner));
  }
  scope.last.set(body, last);
  return last;
}

/** An extent of an input: a name that is no number is a symbol, which the extent defines. */
function resolveExtent(scope: Scope, extent: Expression): void {
  if (extent.kind !== "name" || isReserved({ text: extent.name, quoted: extent.quoted }))
    return resolve(scope, extent);
  const { name, span } = extent;
  const bound = scope.names.get(name) ?? constant(scope, name);
  // A tensor is not a dimension, so it may have the name of one.
  if (bound && !bound.some(({ kind }) => kind === "input" || kind === "param"))
    return use(scope, name, extent.quoted, span, "value");
  const known = scope.dimensions.get(name);
  if (known) return refer(scope, { name, span, role: "value", definitions: known });
  const definition: Definition = {
    kind: "dimension",
    name,
    span,
    whole: span,
    from: span.end,
    item: scope.item,
  };
  scope.collector.definitions.push(definition);
  scope.dimensions.set(name, [definition]);
}

/** The type of a binding. In it, a name that is not bound is a dimension of an input, or stands for any extent. */
function resolveType(scope: Scope, { shape }: TypeExpression): void {
  for (const extent of shape) resolve(scope, extent);
}

function resolvePreprocess(scope: Scope, { arguments: list }: CallExpression): void {
  const kinds = new Map<string, unknown>(Object.entries(settings));
  for (const argument of list)
    if (argument.kind === "named" && !Array.isArray(kinds.get(argument.name.text)))
      resolve(scope, argument.value);
}

function resolve(scope: Scope, expression: Expression): void {
  walkExpression(
    expression,
    ({ name, quoted, span }) => use(scope, name, quoted, span, "value"),
    (call) => resolveCall(scope, call),
  );
}

function resolveCall(scope: Scope, { callee, arguments: list }: CallExpression): void {
  const { collector } = scope;
  const held = calleeIn(scope, callee.text);
  const block = held ? undefined : collector.blocks.get(callee.text);
  const definition = block ? collector.blockDefinitions.get(callee.text) : collector.imports.get(callee.text);
  const definitions = held ?? (definition && [definition]);
  if (definitions) refer(scope, { name: callee.text, span: callee.span, role: "callee", definitions });
  for (const argument of list) {
    if (argument.kind === "rest") continue;
    if (argument.kind === "named" && block) {
      const { text, span } = argument.name;
      const parameter = collector.parameters.get(block)?.get(text);
      if (parameter) refer(scope, { name: text, span, role: "argument", definitions: [parameter] });
    }
    resolve(scope, argument.value);
  }
}

/** The names that hold what a call calls. A tensor or a number is not called, even if it has the name of an op. */
function calleeIn(scope: Scope, name: string): Visible | undefined {
  const bound = scope.names.get(name) ?? constant(scope, name);
  const isCallable = (expression: Expression | undefined): boolean =>
    expression?.kind === "name" && (isOp(expression.name) || scope.collector.blocks.has(expression.name));
  const { blocks, imports } = scope.collector;
  const isKnown = isOp(name) || blocks.has(name) || imports.has(name);
  return isKnown && !bound?.some(({ value }) => isCallable(value)) ? undefined : bound;
}

function use(scope: Scope, name: string, quoted: boolean, span: Span, role: Reference["role"]): void {
  if (isReserved({ text: name, quoted })) return;
  // The name of a block is a value too, which a block can call.
  const { blockDefinitions, imports } = scope.collector;
  const block = blockDefinitions.get(name) ?? imports.get(name);
  const definitions =
    scope.names.get(name) ?? constant(scope, name) ?? scope.dimensions.get(name) ?? (block && [block]);
  if (definitions) refer(scope, { name, span, role, definitions });
}

function constant(scope: Scope, name: string): Visible | undefined {
  const definition = scope.collector.constants.get(name);
  // A const sees only those before it; the others are not evaluated yet.
  const hidden = scope.item.kind === "const" && definition && definition.span.start >= scope.item.span.start;
  return definition && !hidden ? [definition] : undefined;
}

function refer(scope: Scope, reference: Reference): void {
  scope.collector.references.push({ ...reference, definitions: [...new Set(reference.definitions)] });
}
