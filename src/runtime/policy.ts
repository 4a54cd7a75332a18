// Why a page may not read something: what its Content-Security-Policy refuses, and what browsers refuse without saying so.

/** Learns which directive of the page's Content-Security-Policy refused a request; the failed request itself does not say. */
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

/** The way out, where a request fails for a reason that is known by its address. */
export function refusalHelp(address: string): string | undefined {
  const { location } = globalThis as { location?: { readonly origin: string } };
  if (!location) return undefined;
  if (address.startsWith("file:"))
    return "a page that is opened from the disk may not read files: serve it, or compile with --embed-weights";
  const isElsewhere = /^https?:/.test(address) && !address.startsWith(`${location.origin}/`);
  return isElsewhere ? "a file of another server needs the header Access-Control-Allow-Origin" : undefined;
}
