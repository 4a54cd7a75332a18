// `cleave ops`: the op table, in short or one op in full.

import { given } from "#diagnostic/given.js";
import type { Command } from "commander";
import { error } from "#diagnostic/diagnostic.js";
import { suggest } from "#diagnostic/suggest.js";
import { isOp, ops } from "#ops/index.js";
import { describeOp } from "#report/ops-doc.js";
import { table } from "#report/table.js";
import type { Session } from "./session.js";
import { report } from "./terminal.js";
import { jsonText } from "./json.js";

export function addOps(root: Command, session: Session): void {
  root
    .command("ops")
    .description("show the operators of the language")
    .argument("[name]", "show one operator in full")
    .option("--json", "names, classes, operands and attributes as JSON")
    .action((name: string | undefined, options: { json?: boolean }) => {
      const { terminal } = session;
      if (name !== undefined && !isOp(name)) {
        const near = suggest(name, Object.keys(ops));
        const help =
          near.length > 0
            ? [`did you mean ${near.map((op) => `\`${op}\``).join(" or ")}?`]
            : ["`cleave ops` lists them all"];
        session.code = report(
          terminal,
          [error("unknown-op", `there is no op \`${name}\``, { help })],
          new Map(),
        );
      } else if (options.json) {
        terminal.out(
          jsonText(name === undefined ? Object.entries(ops).map(opJson) : opJson([name, ops[name]])),
        );
      } else if (name !== undefined) terminal.out(`${describeOp(name)}\n`);
      else terminal.out(`${overview()}\n`);
    });
}

function overview(): string {
  const rows = Object.entries(ops).map(([name, op]) => [
    name,
    op.operands.map((operand) => operand.name).join(", "),
    firstSentence(op.doc),
  ]);
  return table(["op", "operands", "what it does"], rows, ["left", "left", "left"]);
}

/** Up to the first full stop; one in parentheses, as in "(Maas et al. 2013)", ends no sentence. */
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
