// Lays out text with optional line breaks for a width (Wadler, *A prettier printer*, 1998), without recursion.

/**
 * A text with optional line breaks. `hard` says that it contains a mandatory break, so all groups around it break too. It is computed
 * at construction, since computing it later would take a walk for every group.
 */
export type Doc = string | Exclude<Node, string>;

type Node =
  | string
  | { readonly kind: "concat"; readonly docs: readonly Doc[]; readonly hard: boolean }
  | { readonly kind: "indent"; readonly doc: Doc; readonly hard: boolean }
  | { readonly kind: "group"; readonly doc: Doc; readonly hard: boolean }
  | { readonly kind: "line"; readonly flat: string; readonly hard: boolean }
  | { readonly kind: "ifBroken"; readonly text: string; readonly hard: false }
  | { readonly kind: "comment"; readonly text: string; readonly hard: true };

/** A line of the result; the caller chooses the column of `comment`, which is at its end. */
export interface Line {
  readonly text: string;
  readonly comment?: string;
}

const step = 2;

/** A space, or a line break if the group around it breaks. */
export const line: Doc = { kind: "line", flat: " ", hard: false };

/** Nothing, or a line break if the group around it breaks. */
export const softLine: Doc = { kind: "line", flat: "", hard: false };

/** A line break in any case. */
export const hardLine: Doc = { kind: "line", flat: "", hard: true };

/** Documents, or lists of documents: a list may be longer than the arguments that a call can have. */
export type Docs = readonly (Doc | readonly Doc[])[];

export function concat(...parts: Docs): Doc {
  const docs = parts.flat();
  return { kind: "concat", docs, hard: docs.some(isHard) };
}

/** `docs` with deeper indentation after their line breaks. */
export function indent(...parts: Docs): Doc {
  const doc = concat(parts.flat());
  return { kind: "indent", doc, hard: isHard(doc) };
}

/** One line if it fits. Otherwise all line breaks in it break, except those of inner groups. */
export function group(...parts: Docs): Doc {
  const doc = concat(parts.flat());
  return { kind: "group", doc, hard: isHard(doc) };
}

/** `text` if the group around it breaks, else nothing. */
export function ifBroken(text: string): Doc {
  return { kind: "ifBroken", text, hard: false };
}

/** An empty document that makes the groups around it break. */
export const mustBreak: Doc = { kind: "concat", docs: [], hard: true };

/** A comment, printed at the end of its line; the groups around it break. */
export function endOfLineComment(text: string): Doc {
  return { kind: "comment", text, hard: true };
}

interface Command {
  readonly doc: Doc;
  readonly indentation: number;
  readonly broken: boolean;
}

/** The lines of `doc`, at most `width` columns long if its breaks allow that. */
export function layout(doc: Doc, width: number): Line[] {
  const lines: Line[] = [];
  const commands: Command[] = [{ doc, indentation: 0, broken: true }];
  let text = "";
  let comments: string[] = [];
  const endLine = (): void => {
    const comment = comments.join(" ");
    lines.push(comment === "" ? { text: text.trimEnd() } : { text: text.trimEnd(), comment });
    comments = [];
  };

  for (let command = commands.pop(); command !== undefined; command = commands.pop()) {
    const { doc: current, indentation, broken } = command;
    if (typeof current === "string") {
      text += current;
      continue;
    }
    switch (current.kind) {
      case "concat":
        pushAll(commands, current.docs, indentation, broken);
        break;
      case "indent":
        commands.push({ doc: current.doc, indentation: indentation + step, broken });
        break;
      case "group": {
        const flat: Command = { doc: current.doc, indentation, broken: false };
        const fitting = !current.hard && fits(flat, commands, width - text.length);
        commands.push(fitting ? flat : { ...flat, broken: true });
        break;
      }
      case "line":
        if (broken || current.hard) {
          endLine();
          text = " ".repeat(indentation);
        } else {
          text += current.flat;
        }
        break;
      case "ifBroken":
        if (broken) text += current.text;
        break;
      case "comment":
        comments.push(current.text);
        break;
      default:
        current satisfies never;
    }
  }
  endLine();
  return lines;
}

/**
 * Whether `next`, and what follows it up to the first place where the line may end, takes at most `room` columns.
 * It looks at nothing else: it takes rows element by element, so long rows do not cost time here.
 */
function fits(next: Command, rest: readonly Command[], room: number): boolean {
  const rows: Row[] = [{ docs: [next.doc], index: 0, broken: next.broken }];
  let following = rest.length;
  let left = room;
  while (left >= 0) {
    const row = rows.at(-1);
    if (row === undefined) {
      const command = rest[--following];
      if (command === undefined) return true;
      rows.push({ docs: [command.doc], index: 0, broken: command.broken });
      continue;
    }
    const doc = row.docs[row.index++];
    if (doc === undefined) {
      rows.pop();
    } else if (typeof doc === "string") {
      left -= doc.length;
    } else if (doc.kind === "concat") {
      rows.push({ docs: doc.docs, index: 0, broken: row.broken });
    } else if (doc.kind === "indent" || doc.kind === "group") {
      rows.push({ docs: [doc.doc], index: 0, broken: row.broken || (doc.kind === "group" && doc.hard) });
    } else if (doc.kind === "line") {
      if (row.broken || doc.hard) return true;
      left -= doc.flat.length;
    } else if (doc.kind === "ifBroken") {
      if (row.broken) left -= doc.text.length;
    } else {
      doc satisfies { kind: "comment" };
    }
  }
  return false;
}

interface Row {
  readonly docs: readonly Doc[];
  index: number;
  readonly broken: boolean;
}

/** Pushes a list, which may be long, in reverse order. */
function pushAll(commands: Command[], docs: readonly Doc[], indentation: number, broken: boolean): void {
  for (let index = docs.length - 1; index >= 0; index--) {
    const doc = docs[index];
    if (doc !== undefined) commands.push({ doc, indentation, broken });
  }
}

function isHard(doc: Doc): boolean {
  return typeof doc !== "string" && doc.hard;
}
