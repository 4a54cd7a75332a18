// The manifest by which compile.ts describes the modules to the page.

export interface Manifest {
  readonly nets: readonly { readonly name: string; readonly title: string; readonly note: string }[];
  readonly targets: readonly string[];
  readonly defaultTarget: string;
  readonly programs: readonly {
    readonly net: string;
    readonly target: string;
    readonly kernels: number;
    /** The size of the module, gzipped. */
    readonly moduleBytes: number;
    /** The size of the packed weights, in a file next to the module. */
    readonly weightBytes: number;
  }[];
}
