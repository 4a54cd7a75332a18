// The action of `cleave ops`: lists the ops, or describes one of them.

import { error } from "#diagnostic/diagnostic.js";
import { given } from "#diagnostic/given.js";
import { suggest } from "#diagnostic/suggest.js";
import { isOp, ops } from "#ops/index.js";
import { describeOp } from "#report/ops-doc.js";
import { table } from "#report/table.js";
import { jsonText } from "../output/json.js";
import { report } from "../output/terminal.js";
import type { Session } from "../session/session.js";

export interface OpsOptions {
  readonly json?: boolean;
}

export function showOps(name: string | undefined, options: OpsOptions, session: Session): void {
  const { terminal } = session;
  if (name !== undefined && !isOp(name)) {
    const near = suggest(name, Object.keys(ops));
    const help =
      near.length > 0
        ? [`did you mean ${near.map((op) => `\`${op}\``).join(" or ")}?`]
        : ["`cleave ops` lists them all"];
    const unknown = error("unknown-op", `there is no op \`${name}\``, { help });
    session.code = report(terminal, [unknown], new Map());
  } else if (options.json)
    terminal.out(jsonText(name === undefined ? Object.entries(ops).map(opJson) : opJson([name, ops[name]])));
  else terminal.out(`${name === undefined ? overview() : describeOp(name)}\n`);
}

function overview(): string {
  const rows = Object.entries(ops).map(([name, op]) => [
    name,
    op.operands.map((operand) => operand.name).join(", "),
    firstSentence(op.doc),
  ]);
  return table(["op", "operands", "what it does"], rows, ["left", "left", "left"]);
}

/** The text up to the first full stop outside parentheses: the one in "(Maas et al. 2013)" does not end the sentence. */
function firstSentence(doc: string): string {
  const line = doc.replaceAll(/\s+/g, " ").trim();
  return /^(?:\([^)]*\)|[^.(]|[.(](?! |$))*[.]/.exec(line)?.[0] ?? line;
}

function opJson([name, op]: [string, (typeof ops)[keyof typeof ops]]): object {
  return {
    name,
    doc: op.doc,
    classes: op.classes,
    operands: op.operands,
    attributes: Object.entries(op.attributes).map(([attribute, kind]) => ({
      name: attribute,
      expects: kind.expects,
      ...given({ default: kind.default }),
      doc: kind.doc,
    })),
  };
}
