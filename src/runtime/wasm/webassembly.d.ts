// What the runtime uses of WebAssembly; the types of Node name it, but have no values, and those of the DOM hold far too much.

declare namespace WebAssembly {
  interface Module {
    readonly [Symbol.toStringTag]: string;
  }

  class Memory {
    constructor(descriptor: { initial: number; maximum: number; shared?: boolean });
    readonly buffer: ArrayBuffer;
  }

  interface Instance {
    readonly exports: Readonly<Record<string, unknown>>;
  }

  function validate(bytes: Uint8Array<ArrayBuffer>): boolean;
  function compile(bytes: Uint8Array<ArrayBuffer>): Promise<Module>;
  function instantiate(module: Module, imports: Record<string, Record<string, unknown>>): Promise<Instance>;
}
