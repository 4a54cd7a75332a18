// Keeps one net loaded, and shows how that goes: a progress bar with Cancel, or why there is no net, with Retry.

import { textOf } from "./controls.js";

/** What a load is given: see `LoadOptions` of emitted modules. */
export interface LoadingOptions {
  readonly signal: AbortSignal;
  readonly onProgress: (progress: { readonly loaded: number; readonly total: number }) => void;
  /** The weights are kept, so that a net that was loaded once loads without a connection. */
  readonly cache: true;
}

export interface Nets<Choice, Net> {
  /** The net of a choice, which is loaded if need be. Undefined if that fails or the user cancels it; the panel then offers Retry. */
  of(choice: Choice): Promise<Net | undefined>;
  /** Ends a loading under way, because there is another choice. */
  abandon(): void;
  /** Frees the net, which must not be running. */
  unload(): void;
}

interface Wiring<Choice, Net> {
  /** Becomes the panel with bar and buttons. */
  readonly panel: HTMLElement;
  readonly load: (choice: Choice, options: LoadingOptions) => Promise<Net>;
  /** Called when the user wants to try again, or when the connection is back. */
  readonly again: () => void;
}

/** The panel appears if loading takes longer, in milliseconds. */
const patience = 150;

export function createNets<Choice, Net extends { dispose(): void }>({
  panel,
  load,
  again,
}: Wiring<Choice, Net>): Nets<Choice, Net> {
  const text = textOf("p", "");
  text.setAttribute("role", "status");
  const bar = document.createElement("progress");
  bar.setAttribute("aria-label", "Loading the network");
  const cancel = textOf("button", "Cancel");
  const retry = textOf("button", "Retry");
  for (const button of [cancel, retry]) button.setAttribute("type", "button");
  panel.append(text, bar, cancel, retry);
  show("nothing");

  let loaded: { readonly choice: Choice; readonly net: Net } | undefined;
  /** The choice that has no net until the user tries again. */
  let given: { readonly choice: Choice; readonly isOffline: boolean } | undefined;
  let underWay: AbortController | undefined;

  cancel.addEventListener("click", () => underWay?.abort("cancelled"));
  const tryAgain = (): void => {
    given = undefined;
    show("nothing");
    again();
  };
  retry.addEventListener("click", tryAgain);
  addEventListener("online", () => {
    if (given?.isOffline) tryAgain();
  });

  function show(what: "nothing" | "progress" | "problem", said = ""): void {
    panel.hidden = what === "nothing";
    panel.classList.toggle("failed", what === "problem");
    const wasAtCancel = document.activeElement === cancel;
    bar.hidden = cancel.hidden = what !== "progress";
    retry.hidden = what !== "problem";
    // The keyboard stays where it was.
    if (wasAtCancel && !retry.hidden) retry.focus();
    text.textContent = said;
  }

  function unload(): void {
    loaded?.net.dispose();
    loaded = undefined;
    given = undefined;
    show("nothing");
  }

  async function loadNow(choice: Choice): Promise<Net | undefined> {
    const controller = (underWay = new AbortController());
    const { signal } = controller;
    bar.removeAttribute("value");
    const timer = setTimeout(() => show("progress", "Loading the network"), patience);
    try {
      const net = await load(choice, {
        signal,
        cache: true,
        onProgress({ loaded: bytes, total }) {
          bar.value = total > 0 ? bytes / total : 1;
          if (!panel.hidden)
            text.textContent = `Loading the network: ${mebibytes(bytes)} of ${mebibytes(total)} MiB`;
        },
      });
      if (signal.aborted) {
        net.dispose();
        throw signal.reason;
      }
      clearTimeout(timer);
      show("nothing");
      loaded = { choice, net };
      return net;
    } catch (error) {
      clearTimeout(timer);
      if (signal.reason === "abandoned") return undefined;
      const isOffline = !navigator.onLine && !signal.aborted;
      given = { choice, isOffline };
      show("problem", signal.aborted ? "Loading was cancelled." : isOffline ? offline : messageOf(error));
      return undefined;
    } finally {
      underWay = undefined;
    }
  }

  return {
    async of(choice) {
      if (loaded?.choice === choice) return loaded.net;
      if (given?.choice === choice) return undefined;
      unload();
      return loadNow(choice);
    },
    abandon: () => underWay?.abort("abandoned"),
    unload,
  };
}

const offline =
  "There is no connection, and the network is not loaded yet. It will load when the connection is back.";

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function mebibytes(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(1);
}
