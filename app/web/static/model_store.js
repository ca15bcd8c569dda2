// Keeps the model that this browser reads with, so that it can read without the service. One model is kept: the last one.

const CACHE = "digits model";
const KEY = new URL("model", import.meta.url).href; // a service has one of its own for each prefix
const HEADER = "X-Manifest";

/** `manifest`: a JSON object; `graph`: an ArrayBuffer. They are kept as one entry, so that they always match. */
export async function keepModel(manifest, graph) {
  const headers = { [HEADER]: encodeURIComponent(JSON.stringify(manifest)) };
  await (await caches.open(CACHE)).put(KEY, new Response(graph, { headers }));
}

/** The model that is kept, { manifest, graph }; undefined if none is, or if this browser keeps nothing for this page. */
export async function keptModel() {
  const response = await globalThis.caches?.match(KEY, { cacheName: CACHE }).catch(() => undefined);
  if (!response) return undefined;
  const manifest = JSON.parse(decodeURIComponent(response.headers.get(HEADER)));
  return { manifest, graph: await response.arrayBuffer() };
}
