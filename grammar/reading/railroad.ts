// Draws the grammar as railroad diagrams (SVG) from the parser itself, so the language reference is never out of date.
// Used when the documentation is made, never at run time: the drawing library is a development dependency.

import * as draw from "@prantlf/railroad-diagrams";
import {
  Alternation,
  Alternative,
  NonTerminal,
  Option,
  Repetition,
  RepetitionMandatory,
  RepetitionMandatoryWithSeparator,
  RepetitionWithSeparator,
  Terminal,
  type IProduction,
} from "chevrotain";
import { bug } from "#diagnostic/diagnostic.js";
import { grammarProductions } from "./parser.js";

/** A diagram for each grammar rule: standalone SVG, by file name without the extension, such as `net-item`. */
export function railroadDiagrams(): Map<string, string> {
  return new Map(
    Object.values(grammarProductions()).map((rule) => {
      const diagram = new draw.Diagram(...rowOf(rule.definition));
      return [words(rule.name).replaceAll(" ", "-"), `${diagram.toStandalone(style).trimEnd()}\n`];
    }),
  );
}

/** The name of a rule in the reference: `bindStatement` is "bind statement". */
function words(rule: string): string {
  return rule.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

/** A row of parts. `x ("," x)*`, which the parser writes in two parts, is drawn as one loop. */
function rowOf(definition: readonly IProduction[]): draw.Part[] {
  const parts: draw.Part[] = [];
  for (let index = 0; index < definition.length; index++) {
    const production = definition[index];
    if (production === undefined) break;
    const separator = separatorOfLoop(production, definition[index + 1]);
    if (separator !== undefined) index++;
    const part = partOf(production);
    parts.push(separator === undefined ? part : new draw.OneOrMore(part, separator));
  }
  return parts;
}

function separatorOfLoop(first: IProduction, second: IProduction | undefined): draw.Part | undefined {
  if (!(first instanceof NonTerminal) || !(second instanceof Repetition)) return undefined;
  const [separator, again] = second.definition;
  const isLoop =
    separator instanceof Terminal &&
    again instanceof NonTerminal &&
    again.nonTerminalName === first.nonTerminalName;
  return isLoop && second.definition.length === 2 ? partOf(separator) : undefined;
}

function partOf(production: IProduction): draw.Part {
  if (production instanceof Alternative) return sequence(production);
  if (production instanceof Terminal) return terminalOf(production);
  if (production instanceof NonTerminal) return new draw.NonTerminal(words(production.nonTerminalName));
  if (production instanceof Option) return new draw.Optional(sequence(production));
  if (production instanceof Repetition) return new draw.ZeroOrMore(sequence(production));
  if (production instanceof RepetitionMandatory) return new draw.OneOrMore(sequence(production));
  if (
    production instanceof RepetitionWithSeparator ||
    production instanceof RepetitionMandatoryWithSeparator
  ) {
    const separator = terminalOf(new Terminal({ terminalType: production.separator }));
    const loop = new draw.OneOrMore(sequence(production), separator);
    return production instanceof RepetitionWithSeparator ? new draw.Optional(loop) : loop;
  }
  if (production instanceof Alternation) {
    return new draw.Choice(0, ...production.definition.map(partOf));
  }
  return bug("a production of the grammar that the diagrams do not know");
}

function sequence({ definition }: { readonly definition: readonly IProduction[] }): draw.Part {
  const [only, ...others] = rowOf(definition);
  return only !== undefined && others.length === 0 ? only : new draw.Sequence(...rowOf(definition));
}

/** Literal text is in a round box; kinds of tokens, such as names and numbers, are described in words. */
function terminalOf({ terminalType }: Terminal): draw.Part {
  const label = terminalType.LABEL ?? terminalType.name;
  const literal = /^`(.*)`$/.exec(label)?.[1];
  return literal === undefined ? new draw.Comment(label) : new draw.Terminal(literal);
}

/** The diagrams are images in a page, so they contain their own style, for light and dark pages. */
const style = `
  path { stroke: #57606a; stroke-width: 2; fill: none; }
  text { font: bold 14px ui-monospace, monospace; text-anchor: middle; white-space: pre; fill: #1f2328; }
  text.comment { font: italic 13px ui-monospace, monospace; }
  rect { stroke: #57606a; stroke-width: 2; fill: #ddf4ff; }
  g.non-terminal rect { fill: #fff8c5; }
  @media (prefers-color-scheme: dark) {
    path, rect { stroke: #8b949e; }
    text { fill: #e6edf3; }
    rect { fill: #0c2d6b; }
    g.non-terminal rect { fill: #4b2900; }
  }
`;
