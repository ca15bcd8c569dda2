// Whether the service can be reached; where it cannot, asks for it until it can.

const ROOT = new URL("..", import.meta.url);
const READY = new URL("health/ready", ROOT);
const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 30_000;
const ASK_TIMEOUT_MS = 5000;

let away = false;
let wake = () => {};

addEventListener("online", () => wake());
document.addEventListener("visibilitychange", () => document.hidden || wake());

/** Whether a problem means that no service answered: neither itself, nor behind a proxy. */
export function isUnreachable({ type, status, retryAfter }) {
  if (status === 0) return type === "urn:digits:problem:unreachable";
  const fromService = type.startsWith("urn:digits:");
  return (status === 503 && !retryAfter) || ((status === 502 || status === 504) && !fromService);
}

export function isAway() {
  return away;
}

/** Called after every answer of the service. */
export function markReached() {
  away = false;
  wake();
}

/** Calls `onback()` once the service answers again: asks after 1 s, 2 s, 4 s, up to every 30 s. */
export async function waitUntilBack(onback) {
  if (away) return; // is waiting already
  away = true;
  for (let waitMs = FIRST_WAIT_MS; away; waitMs = Math.min(2 * waitMs, LONGEST_WAIT_MS)) {
    await sleep(waitMs);
    if (away && (await answers())) break;
  }
  if (!away) return; // another request got through meanwhile
  away = false;
  onback();
}

async function answers() {
  const status = await statusOf(READY);
  if (status === 404) return (await statusOf(ROOT)) === 200; // a proxy may hide the probe
  return status === 200;
}

/** 0 if no answer arrives. */
async function statusOf(url) {
  try {
    const signal = AbortSignal.timeout(ASK_TIMEOUT_MS);
    return (await fetch(url, { cache: "no-store", headers: { Accept: "application/json" }, signal })).status;
  } catch {
    return 0;
  }
}

/** Ends early when the browser is online again or the page is looked at again. */
function sleep(waitMs) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, waitMs);
    wake = () => {
      clearTimeout(timer);
      resolve();
    };
  });
}
