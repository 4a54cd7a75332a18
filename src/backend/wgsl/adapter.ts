// Adapters as the compiler tells them apart.

/** The kinds of adapter that a module can be made for; it runs on all. */
export const adapterClasses = ["gpu", "software"] as const;

export type AdapterClass = (typeof adapterClasses)[number];
