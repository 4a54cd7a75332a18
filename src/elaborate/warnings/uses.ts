// Follows the names of a text from where they are bound to where they are used, without running it.

import type { BlockItem, Expression, Item, Name, NetItem, Statement, TypeExpression } from "#grammar/ast.js";
import { leftOperations } from "#grammar/left-operations.js";
import { boundNames } from "../bound-names.js";
import { bodiesOf } from "../returns.js";

/** A place that binds a name. */
export interface Site {
  readonly kind: "binding" | "const" | "input" | "param" | "parameter" | "index";
  readonly name: Name;
  /** The statement; of a parameter, the block. */
  readonly of: Statement | BlockItem;
  used: boolean;
}

/** What a text uses. */
export interface Uses {
  /** The sites of each net and block, in order. */
  readonly sites: ReadonlyMap<Item, readonly Site[]>;
  /** Names that are not bound where they are used: consts and blocks of the file, ops, dimensions. */
  readonly free: ReadonlySet<string>;
}

/** The state of following one body. */
interface Following {
  /** The sites to which a name may refer here. */
  readonly names: Map<string, readonly Site[]>;
  readonly sites: Map<Name, Site>;
  readonly free: Set<string>;
}

/** Follows the names of all nets and blocks. A use in a block does not count as one of that block by itself. */
export function usesOf(items: readonly Item[]): Uses {
  const sites = new Map<Item, readonly Site[]>();
  const free = new Set<string>();
  for (const item of items) {
    const own = new Set<string>();
    const following: Following = { names: new Map(), sites: new Map(), free: own };
    if (item.kind === "const") visit(following, item.value);
    if (item.kind === "block") followParameters(following, item);
    if (item.kind === "net" || item.kind === "block") followBody(following, item);
    if (item.kind === "block") own.delete(item.name.text);
    for (const name of own) free.add(name);
    sites.set(item, [...following.sites.values()]);
  }
  return { sites, free };
}

function followParameters(following: Following, block: BlockItem): void {
  for (const parameter of block.parameters) {
    if (parameter.default) visit(following, parameter.default);
    define(following, "parameter", parameter.name, block);
  }
}

function followBody(following: Following, { body }: NetItem | BlockItem): void {
  follow(following, body);
}

function follow(following: Following, statements: readonly Statement[]): void {
  for (const statement of statements) followStatement(following, statement);
}

function followStatement(following: Following, statement: Statement): void {
  switch (statement.kind) {
    case "weights":
      return;
    case "input":
      visitType(following, statement.type);
      for (const argument of statement.preprocess?.arguments ?? [])
        if (argument.kind !== "rest") visit(following, argument.value);
      return define(following, "input", statement.name, statement);
    case "param":
      visitType(following, statement.type);
      if (statement.value) visit(following, statement.value);
      return define(following, "param", statement.name, statement);
    case "const":
      visit(following, statement.value);
      return define(following, "const", statement.name, statement);
    case "bind":
    case "unpack":
      return followBinding(following, statement);
    case "output":
      for (const { value } of statement.outputs) if (value) visit(following, value);
      for (const { name, value } of statement.outputs) {
        if (value) define(following, "binding", name, statement);
        use(following, name.text);
      }
      return;
    case "return":
      for (const value of statement.values) visit(following, value);
      return;
    case "assert":
      visit(following, statement.condition);
      if (statement.message) visit(following, statement.message);
      return;
    case "if":
      return followIf(following, statement);
    case "repeat":
      return followRepeat(following, statement);
    case "kernel":
      return follow(following, statement.body);
    default:
      return statement satisfies never;
  }
}

function followBinding(following: Following, statement: Statement & { kind: "bind" | "unpack" }): void {
  visit(following, statement.value);
  const targets = statement.kind === "bind" ? [statement] : statement.targets;
  for (const { type } of targets) if (type) visitType(following, type);
  for (const { name } of targets) define(following, "binding", name, statement);
}

/** After an `if`, a name may refer to what each of its bodies binds, and to what it was before. */
function followIf(following: Following, statement: Statement & { kind: "if" }): void {
  const { names } = following;
  for (const { condition } of statement.branches) visit(following, condition);
  const after: (readonly [string, readonly Site[]])[] = [];
  for (const body of bodiesOf(statement)) {
    const bound = new Set(boundNames(body).map(({ text }) => text));
    const before = [...bound].map((name) => [name, names.get(name) ?? []] as const);
    follow(following, body);
    for (const name of bound) after.push([name, names.get(name) ?? []]);
    for (const [name, sites] of before) names.set(name, sites);
  }
  for (const [name, sites] of after) names.set(name, [...new Set([...(names.get(name) ?? []), ...sites])]);
}

/** In a `repeat`, a name may refer to what the copy before has bound. */
function followRepeat(following: Following, statement: Statement & { kind: "repeat" }): void {
  const { names } = following;
  visit(following, statement.count);
  if (statement.index) define(following, "index", statement.index, statement);
  const before = new Map<string, readonly Site[]>();
  for (const inner of sitesIn(following, statement.body)) {
    const { text } = inner.name;
    if (!before.has(text)) before.set(text, names.get(text) ?? []);
    names.set(text, [...(names.get(text) ?? []), inner]);
  }
  follow(following, statement.body);
  for (const [name, sites] of before) names.set(name, [...new Set([...(names.get(name) ?? []), ...sites])]);
}

/** The sites that a body makes; they are made before it is followed. */
function sitesIn(following: Following, body: readonly Statement[]): readonly Site[] {
  return body.flatMap((statement): readonly Site[] => {
    switch (statement.kind) {
      case "bind":
        return [siteOf(following, "binding", statement.name, statement)];
      case "unpack":
        return statement.targets.map(({ name }) => siteOf(following, "binding", name, statement));
      case "param":
      case "const":
        return [siteOf(following, statement.kind, statement.name, statement)];
      case "if":
        return bodiesOf(statement).flatMap((inner) => sitesIn(following, inner));
      case "repeat":
      case "kernel":
        return sitesIn(following, statement.body);
      case "input":
      case "output":
      case "weights":
      case "assert":
      case "return":
        return [];
      default:
        return statement satisfies never;
    }
  });
}

function define(following: Following, kind: Site["kind"], name: Name, of: Site["of"]): void {
  following.names.set(name.text, [siteOf(following, kind, name, of)]);
}

function siteOf(following: Following, kind: Site["kind"], name: Name, of: Site["of"]): Site {
  const known = following.sites.get(name);
  if (known) return known;
  const site: Site = { kind, name, of, used: false };
  following.sites.set(name, site);
  return site;
}

function use({ names, free }: Following, name: string): void {
  const sites = names.get(name);
  if (!sites || sites.length === 0) free.add(name);
  for (const site of sites ?? []) site.used = true;
}

function visitType(following: Following, { shape }: TypeExpression): void {
  for (const extent of shape) visit(following, extent);
}

function visit(following: Following, expression: Expression): void {
  const { head, operations } = leftOperations(expression);
  visitHead(following, head);
  for (const operation of operations) {
    if (operation.kind === "pipe") visitHead(following, operation.call);
    else visit(following, operation.right);
  }
}

function visitHead(following: Following, head: Expression): void {
  switch (head.kind) {
    case "name":
      return use(following, head.name);
    case "call":
      // A binding may have the name of an op that is called; it counts as used all the same.
      use(following, head.callee.text);
      following.free.add(head.callee.text);
      for (const argument of head.arguments) if (argument.kind !== "rest") visit(following, argument.value);
      return;
    case "list":
      for (const item of head.items) visit(following, item);
      return;
    case "index":
      visit(following, head.list);
      return visit(following, head.index);
    case "conditional":
      visit(following, head.condition);
      visit(following, head.then);
      return visit(following, head.otherwise);
    case "unary":
      return visit(following, head.operand);
    case "binary":
    case "pipe":
      return visit(following, head);
    case "number":
    case "size":
    case "string":
      return;
    default:
      return head satisfies never;
  }
}
