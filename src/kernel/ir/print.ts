// Prints kernels as text, for tests and for people who look at the result of a template.

import { lineText } from "#diagnostic/escape.js";
import { operandsOf } from "./walk.js";
import type { Address, Kernel, KernelProgram, Launch, Place, Register, Statement, Value } from "./ir.js";

/** All kernels of a program, with the launches that call them; the setup comes first. */
export function printKernels({ kernels, setup, launches }: KernelProgram): string {
  return kernels
    .map((kernel, index) => {
      const calls = (from: readonly Launch[], when: string): string[] =>
        from
          .filter((launch) => launch.kernel === index)
          .map(({ label, nodes, offsets }) =>
            lineText(`# ${when}${label}: ${nodes.join(" → ")} at ${offsets.join(", ")}`).concat("\n"),
          );
      return `${[...calls(setup, "at load, "), ...calls(launches, "")].join("")}${printKernel(kernel)}`;
    })
    .join("\n");
}

/**
 * One kernel: its parameters with space and extent, then its statements. `v4:` marks a vec; `x[p + 3]` is an element of parameter x,
 * `scratch[…]` one of the block's scratch. Ends with a line break.
 */
export function printKernel(kernel: Kernel): string {
  const parameters = kernel.parameters.map(
    ({ name, access, space, extent, element }) =>
      `${name}: ${access} ${space}[${extent}]${element ? ` of ${element}` : ""}`,
  );
  const facts = [
    ...(kernel.scratch > 0 ? [`scratch ${kernel.scratch}`] : []),
    ...(kernel.team > 1 ? [`${kernel.subgroup ? "subgroup" : "team"} ${kernel.team}`] : []),
    ...kernel.privates.map((register) => `private ${registerText(register)}`),
  ];
  return [
    `kernel ${kernel.name}(${parameters.join(", ")})${facts.map((fact) => ` ${fact}`).join("")}`,
    `  grid ${kernel.grid.index.name} < ${kernel.grid.count}`,
    ...printBody(kernel.body, 2),
    ...(kernel.fours
      ? ["  with dots of four:", `    scratch ${kernel.fours.scratch}`, ...printBody(kernel.fours.body, 3)]
      : []),
    "",
  ].join("\n");
}

function printBody(body: readonly Statement[], depth: number): string[] {
  return body.flatMap((statement) => printStatement(statement, depth));
}

function printStatement(statement: Statement, depth: number): string[] {
  const line = (text: string): string => `${"  ".repeat(depth)}${text}`;
  switch (statement.kind) {
    case "let":
      return [line(`let ${registerText(statement.register)} = ${valueText(statement.value)}`)];
    case "set":
      return [line(`${statement.register.name} = ${valueText(statement.value)}`)];
    case "store": {
      const target = placeText(statement.place, statement.address);
      return [line(`${widthText(statement.value)}${target} = ${valueText(statement.value)}`)];
    }
    case "for":
    case "team": {
      const head = `${statement.kind} ${statement.index.name} < ${statement.count}`;
      return [line(head), ...printBody(statement.body, depth + 1)];
    }
    case "guard":
      return [
        line(`if ${valueText(statement.if)}`),
        ...printBody(statement.then, depth + 1),
        ...(statement.otherwise ? [line("else"), ...printBody(statement.otherwise, depth + 1)] : []),
      ];
    case "prefetch":
      return [line(`prefetch ${valueText(statement.value)}`)];
    case "comment":
      return [line(`# ${statement.text}`)];
    default:
      return statement satisfies never;
  }
}

/** The values of i32 and f32 registers show their type; vec and bool are marked. */
function registerText({ name, type }: Register): string {
  return type === "i32" || type === "f32" ? name : `${name}: ${type}`;
}

function widthText({ type }: Value): string {
  return type === "i32" || type === "f32" ? "" : `${type} `;
}

function nameOf(place: Place): string {
  if (place.kind === "parameter") return place.name;
  return `${place.kind}${place.element ? `.${place.element}` : ""}`;
}

function placeText(place: Place, { base, offset }: Address): string {
  const name = nameOf(place);
  if (!base) return `${name}[${offset}]`;
  const sum =
    offset === 0 ? valueText(base) : `${innerText(base)} ${offset < 0 ? "-" : "+"} ${Math.abs(offset)}`;
  return `${name}[${sum}]`;
}

const operators: Readonly<Record<string, string>> = {
  add: "+",
  sub: "-",
  mul: "*",
  div: "/",
  rem: "%",
  shl: "<<",
  shr: ">>",
  and: "&",
  lt: "<",
  le: "<=",
  eq: "==",
  ne: "!=",
};

function valueText(value: Value): string {
  switch (value.kind) {
    case "register":
      return value.name;
    case "const":
      return value.type === "bool" ? String(value.value !== 0) : constantText(value);
    case "load":
    case "load_i32":
      return `${widthText(value)}${placeText(value.place, value.address)}`;
    case "load_integers":
      return `${widthText(value)}${value.four ? "four " : ""}${placeText(value.place, value.address)}`;
    case "load_word":
      return `word ${placeText(value.place, value.address)}${value.lessHalf ? " less 128" : ""}`;
    case "nearest":
      return `nearest(${valueText(value.x)}, ${value.zero} in ${value.low}…${value.high})`;
    case "lookup":
      return `${nameOf(value.place)}[byte ${innerText(value.x)}]`;
    case "integers":
      return `${value.type}(${value.value})`;
    case "widen_integers":
      return callText(`${value.type}_${value.signed ? "s" : "u"}`, value);
    case "shuffle":
      return `${callText("shuffle", value)}.[${value.lanes.join(" ")}]`;
    case "shift_integers":
      return `${innerText(value.x)} >> ${value.bits}`;
    case "dot_pairs":
    case "dot_fours":
    case "dot_words":
      return callText(value.kind, value);
    case "unary":
      return callText(value.fn, value);
    case "binary":
    case "binary_integers":
    case "int":
    case "compare": {
      const operator = operators[value.fn];
      return operator ? `${innerText(value.a)} ${operator} ${innerText(value.b)}` : callText(value.fn, value);
    }
    case "logic":
      return `${innerText(value.a)} ${value.fn} ${innerText(value.b)}`;
    case "select":
      return `${innerText(value.if)} ? ${innerText(value.then)} : ${innerText(value.otherwise)}`;
    case "select_compare": {
      const test = `${innerText(value.a)} ${operators[value.fn] ?? ""} ${innerText(value.b)}`;
      return `(${test}) ? ${innerText(value.then)} : ${innerText(value.otherwise)}`;
    }
    case "madd":
      return `${innerText(value.a)} * ${innerText(value.b)} + ${innerText(value.c)}`;
    case "lane":
      return `${innerText(value.x)}.${value.index}`;
    case "swizzle":
      return `${innerText(value.x)}.[${value.lanes.join(" ")}]`;
    case "horizontal":
      return callText(`across_${value.fn}`, value);
    case "broadcast":
      return `${innerText(value.x)} of item ${value.item}`;
    case "splat":
    case "to_f32":
    case "to_i32":
    case "to_integers":
    case "pack_word":
      return callText(value.kind, value);
    default:
      return value satisfies never;
  }
}

/** An i32 has no decimal point, an f32 has one. */
function constantText({ type, value }: Extract<Value, { kind: "const" }>): string {
  return type === "f32" && Number.isInteger(value) ? `${value}.0` : String(value);
}

function callText(name: string, value: Value): string {
  return `${name}(${operandsOf(value).map(valueText).join(", ")})`;
}

/** In parentheses, if it is more than a name or a call. */
function innerText(value: Value): string {
  const text = valueText(value);
  return text.includes(" ") && !/^[\w.]+[([].*[)\]]$/.test(text) ? `(${text})` : text;
}
