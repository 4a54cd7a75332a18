// The size of the arenas of a schedule or a program.

/** The sum of the elements of all arenas. */
export function arenaElements(of: { readonly arenas: readonly { readonly elements: number }[] }): number {
  return of.arenas.reduce((sum, { elements }) => sum + elements, 0);
}
