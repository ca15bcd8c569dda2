// Opens the page without the service. The server puts `OFFLINE` before this script: the version of the page's files and
// their names. Everything comes from the network first, so a page never is older than the service that it talks to;
// nothing but the listed files is ever kept or answered here, so no answer of the API is.

const NAME = `digits ${self.registration.scope} `; // of the caches: services of one origin have a scope each
const CACHE = NAME + OFFLINE.version;
const PAGES = new Set(OFFLINE.page.filter((name) => !name.startsWith("static/")).map(urlOf));
const FILES = new Set([...OFFLINE.page, ...OFFLINE.reader].map(urlOf));

self.addEventListener("install", (event) => {
  // Pictures go straight to the service: starting this worker would take longer than reading a digit.
  event.addRoutes?.([{ condition: { requestMethod: "POST" }, source: "network" }]).catch(() => {});
  event.waitUntil(install());
});

self.addEventListener("activate", (event) => event.waitUntil(removeOldCaches()));

self.addEventListener("message", (event) => {
  if (event.data === "keep reader") event.waitUntil(keepReader());
});

self.addEventListener("fetch", (event) => {
  const url = withoutQuery(event.request.url);
  if (event.request.method !== "GET" || !FILES.has(url)) return;
  // Programs get JSON at the addresses of some pages.
  if (!PAGES.has(url) || event.request.mode === "navigate") event.respondWith(networkFirst(event.request, url));
});

async function install() {
  await keep((await readerIsKept()) ? [...OFFLINE.page, ...OFFLINE.reader] : OFFLINE.page);
  await self.skipWaiting();
}

async function keepReader() {
  const [file] = OFFLINE.reader;
  if (!(await caches.match(urlOf(file), { cacheName: CACHE }))) await keep(OFFLINE.reader);
}

/** Whether a reader of any version is kept: after an update, too, the page reads without the service. */
async function readerIsKept() {
  const [file] = OFFLINE.reader;
  if (!file) return false;
  const names = (await caches.keys()).filter((name) => name.startsWith(NAME));
  const found = await Promise.all(names.map((cacheName) => caches.match(urlOf(file), { cacheName })));
  return found.some(Boolean);
}

async function keep(names) {
  const cache = await caches.open(CACHE);
  const headers = { Accept: "text/html, */*" };
  await cache.addAll(names.map((name) => new Request(urlOf(name), { headers, cache: "no-cache" })));
}

async function removeOldCaches() {
  const names = await caches.keys();
  const old = names.filter((name) => name.startsWith(NAME) && name !== CACHE);
  await Promise.all(old.map((name) => caches.delete(name)));
}

/** The service's answer; the kept file if there is none, or only one of a proxy whose service is away. */
async function networkFirst(request, url) {
  // Browsers may guess how long a file is fresh, and would mix versions. Navigations cannot be changed and need not be.
  const fresh = request.mode === "navigate" ? request : new Request(request, { cache: "no-cache" });
  const response = await fetch(fresh).catch(() => undefined);
  if (response && response.status < 500) return response;
  const kept = await caches.match(url, { cacheName: CACHE, ignoreVary: true });
  return kept ?? response ?? Response.error();
}

function urlOf(name) {
  return new URL(name, self.registration.scope).href;
}

function withoutQuery(address) {
  const { origin, pathname } = new URL(address);
  return origin + pathname;
}
