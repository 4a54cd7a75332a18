// The types of the parts of the package that `railroad.ts` uses; the package has no types.

declare module "@prantlf/railroad-diagrams" {
  /** A part of a diagram; a string is a terminal. */
  export type Part = { readonly width: number } | string;

  export class Diagram {
    constructor(...parts: Part[]);
    /** The SVG text, with the style in it. */
    toStandalone(style: string): string;
  }

  export class Sequence {
    readonly width: number;
    constructor(...parts: Part[]);
  }

  export class Choice {
    readonly width: number;
    /** `normal` is the index of the part on the straight line. */
    constructor(normal: number, ...parts: Part[]);
  }

  export class Optional {
    readonly width: number;
    constructor(part: Part);
  }

  export class OneOrMore {
    readonly width: number;
    constructor(part: Part, separator?: Part);
  }

  export class ZeroOrMore {
    readonly width: number;
    constructor(part: Part, separator?: Part);
  }

  export class Terminal {
    readonly width: number;
    constructor(text: string);
  }

  export class NonTerminal {
    readonly width: number;
    constructor(text: string);
  }

  export class Comment {
    readonly width: number;
    constructor(text: string);
  }
}
