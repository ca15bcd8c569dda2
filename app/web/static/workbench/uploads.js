// Sends a picture to /read. Unlike fetch(), XMLHttpRequest tells how much of a body has been sent.

import { Problem } from "../digits.js";

const SERVICE = new URL("../..", import.meta.url); // this module is <service>/static/workbench/uploads.js
const IDLE_MS = 15_000; // since the last byte moved, while the picture is being sent
const ANSWER_MS = 60_000; // once it is sent; the service itself gives up earlier, and says so
const ALTERNATIVES = 5;

/**
 * Resolves to the answer of /read, rejects with a `Problem`, or with the signal's reason if that is aborted.
 * Calls `onprogress(sent, total)` in bytes while the picture is sent. `template`: its JSON text, if it has one.
 */
export function readSheet(picture, { apiKey, signal, onprogress, template }) {
  const request = new XMLHttpRequest();
  request.open("POST", new URL(`read?alternatives=${ALTERNATIVES}`, SERVICE));
  if (apiKey) request.setRequestHeader("X-API-Key", apiKey);
  const answer = new Promise((resolve, reject) => {
    const abort = (reason) => {
      reject(reason);
      request.abort();
    };
    const timer = idleTimer(() => abort(timedOut()));
    request.upload.onprogress = ({ loaded, total }) => {
      timer.restart(loaded < total ? IDLE_MS : ANSWER_MS);
      onprogress(loaded, total);
    };
    request.onprogress = () => timer.restart(IDLE_MS);
    request.onload = () => settle(request, resolve, reject);
    request.onerror = () => reject(unreachable());
    request.onloadend = () => timer.stop();
    signal.addEventListener("abort", () => abort(signal.reason), { once: true });
  });
  request.send(template ? formOf(picture, template) : picture);
  return answer;
}

function formOf(picture, template) {
  const form = new FormData();
  form.append("picture", picture);
  form.append("template", template);
  return form;
}

function idleTimer(onidle) {
  let timer = setTimeout(onidle, IDLE_MS);
  return {
    restart(ms) {
      clearTimeout(timer);
      timer = setTimeout(onidle, ms);
    },
    stop: () => clearTimeout(timer),
  };
}

function settle(request, resolve, reject) {
  const body = parsed(request.responseText);
  if (request.status === 200 && body) resolve(body);
  else reject(problemOf(request, body ?? {}));
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null; // a proxy's page
  }
}

function problemOf(request, { type, title, detail }) {
  return new Problem({
    type,
    title: title ?? "The service returned an error",
    status: request.status,
    detail: detail ?? `The service answered with HTTP status ${request.status}.`,
    retryAfter: Number.parseInt(request.getResponseHeader("Retry-After"), 10) || null,
  });
}

function unreachable() {
  return new Problem({
    type: "urn:digits:problem:unreachable",
    title: "The service cannot be reached",
    status: 0,
    detail: "Check the network connection and that the service is running.",
  });
}

function timedOut() {
  return new Problem({
    type: "urn:digits:problem:timeout",
    title: "The request timed out",
    status: 0,
    detail: "No byte moved for a while. Try again later.",
  });
}
