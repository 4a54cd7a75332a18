// The one function of amaro (Node's own type stripper) that is used here; the package ships no types.

declare module "amaro" {
  export function transformSync(source: string, options: { mode: "strip-only" }): { readonly code: string };
}
