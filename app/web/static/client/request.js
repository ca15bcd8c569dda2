// A call of the service: its address, its key, retries, and the problem if it fails.

import { invalidKey, parseJson, problemOfResponse, problemWithoutResponse, unexpectedAnswer } from "./problem.js";
import { onceAborted, startTimer, TIMEOUT_MS, Transfer } from "./transfer.js";
import { send } from "./transport.js";

const RETRIED = [429, 503]; // the service, or a gateway in front of it, is busy: nothing has been done

/** The JSON of the answer. Rejects with a `Problem`, or with the signal's reason. */
export async function request(route, { method = "GET", body }, options) {
  const { service, apiKey, signal, retries = 2, timeoutMs = TIMEOUT_MS, answerTimeoutMs, onProgress } = options;
  const url = new URL(route, baseUrl(service));
  const headers = headersWith(apiKey);
  for (let retriesLeft = retries; ; retriesLeft--) {
    try {
      const transfer = new Transfer({ signal, timeoutMs, answerTimeoutMs, onProgress });
      return await answerOf({ url, method, headers, body }, transfer);
    } catch (error) {
      signal?.throwIfAborted();
      const waitMs = (error.retryAfter ?? 1) * 1000;
      if (!RETRIED.includes(error.status) || !(retriesLeft > 0) || waitMs > timeoutMs) throw error;
      await sleep(waitMs, signal);
    }
  }
}

/** A URL, in a page relative to it; undefined if it is none. */
export function parseUrl(address) {
  try {
    return new URL(address, globalThis.document?.baseURI ?? globalThis.location?.href);
  } catch {
    return undefined;
  }
}

/** The service's address with a slash at its end, without which its last folder would be left out. */
function baseUrl(service) {
  const url = service && parseUrl(service);
  if (!url) throw new TypeError(`The address of the service is ${service}: give { service: "https://host/" }.`);
  return new URL(`${url.origin}${url.pathname.replace(/\/*$/, "/")}`);
}

function headersWith(apiKey) {
  try {
    return new Headers(apiKey ? { "X-API-Key": apiKey } : {});
  } catch (error) {
    throw invalidKey(error);
  }
}

async function answerOf(request, transfer) {
  const response = await send(request, transfer)
    .catch((error) => {
      throw problemWithoutResponse(error, request.url);
    })
    .finally(() => transfer.close());
  if (response.status < 200 || response.status >= 300) throw problemOfResponse(response);
  const answer = parseJson(response.text);
  if (answer === undefined) throw unexpectedAnswer(request.url, response.status);
  return answer;
}

function sleep(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = startTimer(() => {
      stopFollowing();
      resolve();
    }, milliseconds);
    const stopFollowing = onceAborted(signal, (reason) => {
      clearTimeout(timer);
      reject(reason);
    });
  });
}
