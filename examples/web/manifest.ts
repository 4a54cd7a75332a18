// What compile.ts tells the page of the modules that it made.

export interface Manifest {
  readonly nets: readonly { readonly name: string; readonly title: string; readonly note: string }[];
  readonly targets: readonly string[];
  readonly defaultTarget: string;
  readonly programs: readonly {
    readonly net: string;
    readonly target: string;
    readonly kernels: number;
    /** Of the module, gzipped. */
    readonly moduleBytes: number;
    /** Of the packed weights beside it. */
    readonly weightBytes: number;
  }[];
}
