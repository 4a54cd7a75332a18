// A service worker: without a connection, it answers with the files that offline.ts kept.

addEventListener("fetch", (event) => {
  const { request } = event;
  // Modules keep their weights by themselves.
  if (request.method !== "GET" || request.url.endsWith(".safetensors")) return;
  event.respondWith(
    fetch(request).catch(async (error) => {
      const cache = await caches.open("cleave-pages");
      const kept = await cache.match(request, { ignoreSearch: true, ignoreVary: true });
      if (kept) return kept;
      throw error;
    }),
  );
});
