// Makes the page open without the service, where the browser can: with TLS or on this machine.

import { trustedScriptUrl } from "./trusted_urls.js";

const SERVICE_WORKER = new URL("../service_worker.js", import.meta.url);
const workers = navigator.serviceWorker;

/** Keeps the page's files in this browser. A browser that refuses works as before, but not without the service. */
export function keepPage() {
  workers?.register(trustedScriptUrl(SERVICE_WORKER)).catch(() => {});
}

/** Keeps the files of the on-device reader too, now that they have been used. */
export async function keepReader() {
  const registration = await workers?.getRegistration(SERVICE_WORKER);
  if (!registration) return;
  (await workers.ready).active.postMessage("keep reader");
}
