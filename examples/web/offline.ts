// Keeps the files of a page, with which public/offline-worker.js answers when there is no connection.

/** Keeps the page and what it loads, now and later. Weights are not among that: modules keep them by themselves (`cache: true`). */
export async function keepFiles(): Promise<void> {
  // The development server has files of its own, and pages without https have no service worker.
  if (import.meta.env.MODE === "development" || !("serviceWorker" in navigator)) return;
  try {
    await navigator.serviceWorker.register("offline-worker.js");
    const cache = await caches.open("cleave-pages");
    await cache.add(location.href);
    const keep = async (url: string): Promise<void> => {
      // The names of files contain their hashes, so what was kept is right.
      if (isFile(url) && !(await cache.match(url))) await cache.add(url);
    };
    const observer = new PerformanceObserver((list) => {
      for (const { name } of list.getEntries()) keep(name).catch(console.warn);
    });
    observer.observe({ type: "resource", buffered: true });
  } catch (error) {
    console.warn("The page will not open without a connection.", error);
  }
}

function isFile(url: string): boolean {
  return url.startsWith(`${location.origin}/`) && !url.endsWith(".safetensors");
}
