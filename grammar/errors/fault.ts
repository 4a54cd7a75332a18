// Where the parser could not continue, as data; `explain.ts` puts it in words.

import type { IParserErrorMessageProvider, IRecognitionException, IToken } from "chevrotain";

/** A place where the text leaves the grammar. */
export interface Fault {
  /** Name of the token type that the grammar wants here; absent where it has a choice. */
  readonly expected?: string;
  /** The grammar rule that was being read. */
  readonly rule: string;
  readonly found: IToken;
  readonly previous: IToken;
}

/** Chevrotain keeps of a mismatch its message alone, so the message is the name of what was expected. */
export const faultMessages: IParserErrorMessageProvider = {
  buildMismatchTokenMessage: ({ expected }) => expected.name,
  buildNoViableAltMessage: () => "",
  buildEarlyExitMessage: () => "",
  buildNotAllInputParsedMessage: () => "",
};

/** Reads an error that was made with `faultMessages`. */
export function faultOf({ message, token, context, ...rest }: IRecognitionException): Fault {
  const previous = (rest as { previousToken?: IToken }).previousToken ?? token;
  const rule = context.ruleStack.at(-1) ?? "";
  return { ...(message === "" ? {} : { expected: message }), rule, found: token, previous };
}
