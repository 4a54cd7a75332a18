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
  /** The nets of the pages that find something; each module is for all targets, in a folder of the name. */
  readonly detectors: readonly {
    readonly name: string;
    /** The size of the module, gzipped. */
    readonly moduleBytes: number;
    /** The size of the largest packed file; a page loads one of them. */
    readonly weightBytes: number;
  }[];
}
