// The classes of adapters that the compiler distinguishes.

/** The classes of adapters that a module can be made for; a module runs on all of them. */
export const adapterClasses = ["gpu", "software"] as const;

export type AdapterClass = (typeof adapterClasses)[number];
