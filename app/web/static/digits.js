// The service's JavaScript client. It depends on no other file, so any page can import it. Types: digits.d.ts.

const SERVICE = new URL("..", import.meta.url); // this module is <service>/static/digits.js, also behind a path prefix
const TIMEOUT_MS = 15_000; // longer than the 10 s after which the service itself answers 504

/** An error answer of the service (RFC 9457), or a request that got no answer: `status` is then 0. */
export class Problem extends Error {
  constructor({ type = "about:blank", title, status, detail, picture = null, retryAfter = null }) {
    super(detail);
    Object.assign(this, { name: "Problem", type, title, status, detail, picture, retryAfter });
  }
}

/** Reads pictures that show one digit each: a single picture, or an array of them. */
export function predict(pictures, options = {}) {
  return post("predict", pictures, options, { return_image: options.returnImage });
}

/** Reads a picture that shows several digits, on one line or more. */
export function read(picture, options = {}) {
  const { alternatives, length, pattern, values, check, template, pages } = options;
  return post("read", picture, options, { alternatives, length, pattern, values, check, template, pages });
}

/** Reads a PDF document, or a TIFF file of several pages. */
export function readDocument(file, options = {}) {
  return read(file, options);
}

/** Reads a picture of one digit and explains which pixels are evidence for it, or for `options.digit`. */
export function explain(picture, options = {}) {
  return post("explain", picture, options, { return_image: options.returnImage, digit: options.digit });
}

/** Whether the service can be reached and accepts requests. */
export async function ready(options = {}) {
  try {
    await request("health/ready", {}, { ...options, retries: 0 });
    return true;
  } catch (error) {
    if (error instanceof Problem) return false;
    throw error;
  }
}

/** The name of the default model, and every version that is served, with its manifest. */
export function models(options = {}) {
  return request("models", {}, options);
}

/** The state of the service: its device, models and queue. */
export function health(options = {}) {
  return request("health", {}, options);
}

async function post(route, pictures, options, parameters = {}) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries({ model: options.model, version: options.version, ...parameters })) {
    if (value !== undefined && value !== false) query.set(name, value);
  }
  return request(`${route}?${query}`, { method: "POST", body: await encodeBody(pictures) }, options);
}

async function encodeBody(pictures) {
  if (!Array.isArray(pictures)) return toBlob(pictures);
  const form = new FormData();
  for (const blob of await Promise.all(pictures.map(toBlob))) form.append("images", blob);
  return form;
}

/** A Blob or File as it is; a canvas, ImageBitmap or ImageData as PNG. */
async function toBlob(picture) {
  if (picture instanceof Blob) return picture;
  if (picture instanceof OffscreenCanvas) return picture.convertToBlob({ type: "image/png" });
  // Copied to an OffscreenCanvas, since HTMLCanvasElement.toBlob() waits until the browser is idle.
  const canvas = new OffscreenCanvas(picture.width, picture.height);
  const context = canvas.getContext("2d");
  if (picture instanceof ImageData) context.putImageData(picture, 0, 0);
  else context.drawImage(picture, 0, 0);
  return canvas.convertToBlob({ type: "image/png" });
}

/** Retries a 503 after the seconds that it names, while `retries` and the time last. */
async function request(route, init, { signal, timeoutMs = TIMEOUT_MS, retries = 2, service = SERVICE, apiKey }) {
  const url = new URL(route, service);
  const headers = apiKey ? { "X-API-Key": apiKey } : {};
  const timeout = AbortSignal.timeout(timeoutMs);
  const combined = signal ? AbortSignal.any([signal, timeout]) : timeout;
  const deadline = performance.now() + timeoutMs;
  for (let retriesLeft = retries; ; retriesLeft--) {
    try {
      return await requestOnce(url, { ...init, signal: combined, headers });
    } catch (error) {
      signal?.throwIfAborted();
      const waitMs = (error.retryAfter ?? 1) * 1000;
      if (error.status !== 503 || retriesLeft === 0 || performance.now() + waitMs > deadline) throw error;
      await sleep(waitMs, signal);
    }
  }
}

async function requestOnce(url, init) {
  try {
    const response = await fetch(url, init);
    if (!response.ok) throw await problemFromResponse(response);
    return await response.json();
  } catch (error) {
    throw error instanceof Problem ? error : problemWithoutResponse(error);
  }
}

async function problemFromResponse(response) {
  // A proxy in front of the service may answer with a body of its own, which is not a problem document.
  const body = await response.json().catch(() => ({}));
  return new Problem({
    type: body.type,
    title: body.title ?? "The service returned an error",
    status: response.status,
    detail: body.detail ?? `The service answered with HTTP status ${response.status}.`,
    picture: body.picture,
    retryAfter: Number.parseInt(response.headers.get("Retry-After"), 10) || null,
  });
}

function problemWithoutResponse(error) {
  if (error.name === "TimeoutError") {
    return new Problem({
      type: "urn:digits:problem:timeout",
      title: "The request timed out",
      status: 0,
      detail: "No answer arrived in time. Try again later.",
    });
  }
  return new Problem({
    type: "urn:digits:problem:unreachable",
    title: "The service cannot be reached",
    status: 0,
    detail: "Check the network connection and that the service is running.",
  });
}

function sleep(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds);
    const abort = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    signal?.addEventListener("abort", abort, { once: true });
  });
}
