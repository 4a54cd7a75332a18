// Hears what the page's Content-Security-Policy refuses.

/** Hears which directive of the page's Content-Security-Policy refuses something, which who asked for it is not told. */
export function watchPolicy(): {
  readonly directive: () => Promise<string | undefined>;
  readonly end: () => void;
} {
  const { document } = globalThis as { document?: EventTarget };
  const target = document ?? (globalThis as Partial<EventTarget>);
  let directive: string | undefined;
  const hear = (event: Event): void => {
    directive = (event as { effectiveDirective?: string }).effectiveDirective;
  };
  target.addEventListener?.("securitypolicyviolation", hear);
  return {
    async directive() {
      // The event may come after the failure.
      await new Promise((resolve) => setTimeout(resolve, 0));
      return directive;
    },
    end: () => target.removeEventListener?.("securitypolicyviolation", hear),
  };
}
