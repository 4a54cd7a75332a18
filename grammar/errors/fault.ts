// The places where the parser could not continue, as data; `explain.ts` makes messages of them.

import type { IParserErrorMessageProvider, IRecognitionException, IToken } from "chevrotain";

/** A place where the text does not follow the grammar. */
export interface Fault {
  /** Name of the token type that the grammar requires here; absent if several are possible. */
  readonly expected?: string;
  /** The grammar rule that was being read. */
  readonly rule: string;
  readonly found: IToken;
  readonly previous: IToken;
}

/** Of a mismatch, chevrotain keeps only the message, so the message is the name of the expected token. */
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
