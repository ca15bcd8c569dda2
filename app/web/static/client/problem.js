// Errors: the service's own problem documents, and those of requests that got no answer.

/** An error answer of the service (RFC 9457), or a request that got no answer: `status` is then 0. */
export class Problem extends Error {
  constructor({ type = "about:blank", title, status, detail, picture = null, retryAfter = null, cause }) {
    super(detail, cause && { cause });
    Object.assign(this, { name: "Problem", type, title, status, detail, picture, retryAfter });
  }
}

/** A proxy in front of the service may answer with a body of its own, which is not a problem document. */
export function problemOfResponse({ status, retryAfter, text }) {
  const body = parseJson(text) ?? {};
  return new Problem({
    type: body.type,
    title: body.title ?? "The service returned an error",
    status,
    detail: body.detail ?? `The service answered with HTTP status ${status}.`,
    picture: body.picture,
    retryAfter: secondsUntil(retryAfter),
  });
}

/** `url`: what was asked for. */
export function problemWithoutResponse(error, url) {
  if (error.name === "TimeoutError") return timeoutProblem(error);
  return new Problem({
    type: "urn:digits:problem:unreachable",
    title: "The service cannot be reached",
    status: 0,
    detail: unreachableDetail(url, error),
    cause: error,
  });
}

/** Another server's answer, or a page for people: the address is not that of the service. */
export function unexpectedAnswer(url, status) {
  return new Problem({
    type: "urn:digits:problem:unexpected-answer",
    title: "The answer is not the service's",
    status,
    detail: `${url.origin}${url.pathname} answered with something else than JSON. Check the address of the service.`,
  });
}

export function invalidKey(cause) {
  return new Problem({
    type: "urn:digits:problem:invalid-key",
    title: "The API key cannot be sent",
    status: 0,
    detail: "The API key has characters that no HTTP header may have. Check the key.",
    cause,
  });
}

/** Of a picture that could not be fetched or drawn, before anything was sent. */
export function pictureProblem(detail, cause) {
  return new Problem({
    type: "urn:digits:problem:picture-unavailable",
    title: "The picture cannot be used",
    status: 0,
    detail,
    cause,
  });
}

export function parseJson(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The seconds that a Retry-After header names, as a number or a date; null without one. */
function secondsUntil(header) {
  if (/^\d+$/.test(header ?? "")) return Number(header);
  const seconds = (Date.parse(header ?? "") - Date.now()) / 1000;
  return Number.isNaN(seconds) ? null : Math.max(0, Math.ceil(seconds));
}

function timeoutProblem(cause) {
  return new Problem({
    type: "urn:digits:problem:timeout",
    title: "The request timed out",
    status: 0,
    detail: "No answer arrived in time. Try again later.",
    cause,
  });
}

/** A browser does not tell a script whether CORS or the network is the cause. Node.js has no origin. */
function unreachableDetail(url, error) {
  const { origin } = globalThis;
  const check = "Check the network connection and that the service is running";
  if (origin === undefined) return `${check} at ${url.origin}${error.cause?.code ? ` (${error.cause.code})` : ""}.`;
  if (origin === url.origin) return `${check}.`;
  const allowed = origin === "null" ? "*" : origin; // a page that was opened as a file has no origin
  return (
    "Probably the service does not allow this page to read its answers (CORS): start it with " +
    `DIGITS_CORS_ORIGINS=${allowed}. Otherwise check the network connection and that the service is running at ${url.origin}.`
  );
}
