// How large the memories of a schedule or a program are.

/** Elements of all arenas. */
export function arenaElements(of: { readonly arenas: readonly { readonly elements: number }[] }): number {
  return of.arenas.reduce((sum, { elements }) => sum + elements, 0);
}
