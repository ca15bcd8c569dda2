// A client for the service. It needs nothing of the page, so other pages may import it too.

// This module lies in <service>/static/, also behind a path prefix.
const SERVICE = new URL("..", import.meta.url);

/** The service's no, as its problem document says it; status 0 where no answer came at all. */
export class Problem extends Error {
  constructor({ status, title, detail, retryAfter = null }) {
    super(detail);
    this.name = "Problem";
    this.status = status;
    this.title = title;
    this.detail = detail;
    this.retryAfter = retryAfter; // seconds, or null
  }
}

/**
 * Reads one picture (a Blob or File) or several (an array of them), one digit in each.
 * Resolves to {model: {name, version}, predictions: [{digit, confidence, probabilities, accepted, image?}]}.
 * `image`, there if `returnImage`, is the 28 x 28 image the model saw: a PNG in base64.
 * Rejects with a `Problem`, or with an AbortError once `signal` is aborted.
 */
export async function predict(pictures, { model, version, returnImage = false, signal, service = SERVICE } = {}) {
  const url = new URL("predict", service);
  if (model !== undefined) url.searchParams.set("model", model);
  if (version !== undefined) url.searchParams.set("version", version);
  if (returnImage) url.searchParams.set("return_image", "true");
  return answer(url, { method: "POST", body: Array.isArray(pictures) ? form(pictures) : pictures, signal });
}

/** The service's state: {status, device, default_model, models: [{name, version, ...}], ...}. Rejects as `predict`. */
export async function health({ signal, service = SERVICE } = {}) {
  return answer(new URL("health", service), { signal });
}

function form(pictures) {
  const body = new FormData();
  for (const picture of pictures) body.append("images", picture);
  return body;
}

async function answer(url, request) {
  try {
    const response = await fetch(url, request);
    if (!response.ok) throw await problem(response);
    return await response.json();
  } catch (error) {
    if (error instanceof Problem || error.name === "AbortError") throw error;
    throw new Problem({
      status: 0,
      title: "The service cannot be reached",
      detail: "No answer came: check the connection and that the service is running.",
    });
  }
}

async function problem(response) {
  // What stands in front of the service (a proxy, say) answers in words of its own: those are not shown.
  const body = await response.json().catch(() => ({}));
  return new Problem({
    status: response.status,
    title: body.title ?? "The service cannot answer",
    detail: body.detail ?? `The answer was HTTP status ${response.status}.`,
    retryAfter: Number.parseInt(response.headers.get("Retry-After"), 10) || null,
  });
}
