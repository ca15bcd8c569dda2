// A client for the service. It needs nothing of the page, so other pages may import it too. Types: digits.d.ts.

// This module lies in <service>/static/, also behind a path prefix.
const SERVICE = new URL("..", import.meta.url);
const TIMEOUT_MS = 15_000; // the service itself gives up after 10 s, and says so

/** The service's no, as its problem document says it; status 0 where no answer came at all. */
export class Problem extends Error {
  constructor({ type = "about:blank", title, status, detail, picture = null, retryAfter = null }) {
    super(detail);
    Object.assign(this, { name: "Problem", type, title, status, detail, picture, retryAfter });
  }
}

/** Reads one picture, or several in an array, with one digit in each. */
export function predict(pictures, options = {}) {
  return send("predict", pictures, options, { return_image: options.returnImage });
}

/** Reads one picture with several digits in it, in one line or more. */
export function read(picture, options = {}) {
  return send("read", picture, options);
}

/** Reads one picture of one digit, and tells which pixels speak for it, or for the `digit` asked for. */
export function explain(picture, options = {}) {
  return send("explain", picture, options, { return_image: options.returnImage, digit: options.digit });
}

/** Whether the service can be reached and takes requests. */
export async function ready(options = {}) {
  try {
    await answer("health/ready", {}, { ...options, retries: 0 });
    return true;
  } catch (error) {
    if (error instanceof Problem) return false;
    throw error;
  }
}

/** What is served: the default model's name, and every version with its manifest. */
export function models(options = {}) {
  return answer("models", {}, options);
}

/** The service's state: its device, its models, its queue. */
export function health(options = {}) {
  return answer("health", {}, options);
}

async function send(route, pictures, options, more = {}) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries({ model: options.model, version: options.version, ...more })) {
    if (value !== undefined && value !== false) query.set(name, value);
  }
  return answer(`${route}?${query}`, { method: "POST", body: await bodyOf(pictures) }, options);
}

async function bodyOf(pictures) {
  if (!Array.isArray(pictures)) return blobOf(pictures);
  const form = new FormData();
  for (const blob of await Promise.all(pictures.map(blobOf))) form.append("images", blob);
  return form;
}

/** A Blob or File as it is; a canvas, an ImageBitmap or ImageData as PNG. */
async function blobOf(picture) {
  if (picture instanceof Blob) return picture;
  if (picture instanceof OffscreenCanvas) return picture.convertToBlob({ type: "image/png" });
  // A canvas of our own, since the other's toBlob() waits until the browser has nothing else to do.
  const canvas = new OffscreenCanvas(picture.width, picture.height);
  const context = canvas.getContext("2d");
  if (picture instanceof ImageData) context.putImageData(picture, 0, 0);
  else context.drawImage(picture, 0, 0);
  return canvas.convertToBlob({ type: "image/png" });
}

/** Asks again, when told to, while there are `retries` and time left. */
async function answer(route, request, { signal, timeoutMs = TIMEOUT_MS, retries = 2, service = SERVICE, apiKey }) {
  const url = new URL(route, service);
  const timeout = AbortSignal.timeout(timeoutMs);
  const either = signal ? AbortSignal.any([signal, timeout]) : timeout;
  const end = performance.now() + timeoutMs;
  for (let left = retries; ; left--) {
    try {
      return await once(url, { ...request, signal: either, headers: apiKey ? { "X-API-Key": apiKey } : {} });
    } catch (error) {
      signal?.throwIfAborted();
      const wait = (error.retryAfter ?? 1) * 1000;
      if (error.status !== 503 || left === 0 || performance.now() + wait > end) throw error;
      await pause(wait, signal);
    }
  }
}

async function once(url, request) {
  try {
    const response = await fetch(url, request);
    if (!response.ok) throw await problemOf(response);
    return await response.json();
  } catch (error) {
    throw error instanceof Problem ? error : noAnswer(error);
  }
}

async function problemOf(response) {
  // What stands in front of the service (a proxy, say) answers in words of its own: those are not shown.
  const body = await response.json().catch(() => ({}));
  return new Problem({
    type: body.type,
    title: body.title ?? "The service cannot answer",
    status: response.status,
    detail: body.detail ?? `The answer was HTTP status ${response.status}.`,
    picture: body.picture,
    retryAfter: Number.parseInt(response.headers.get("Retry-After"), 10) || null,
  });
}

function noAnswer(error) {
  if (error.name === "TimeoutError") {
    return new Problem({
      type: "urn:digits:problem:timeout",
      title: "The answer took too long",
      status: 0,
      detail: "No answer came in time: send the request again a little later.",
    });
  }
  return new Problem({
    type: "urn:digits:problem:unreachable",
    title: "The service cannot be reached",
    status: 0,
    detail: "No answer came: check the connection and that the service is running.",
  });
}

function pause(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds);
    signal?.addEventListener("abort", () => (clearTimeout(timer), reject(signal.reason)), { once: true });
  });
}
