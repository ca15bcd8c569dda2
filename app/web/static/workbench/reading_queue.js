// Reads the sheets of a stack: shrinks their pictures one after the other and sends two at a time.

import { read } from "../digits.js";
import { pagesOf } from "./lines.js";
import { isShrinkable, LEVELS, prepare, shrink } from "./shrink.js";
import { unreadable } from "./stack.js";

const AT_ONCE = 2;
const FIRST_WAIT_MS = 1000; // before the next try while the service is away; doubled each time
const LONGEST_WAIT_MS = 30_000;
const ALTERNATIVES = 5; // readings of each line to choose from
const ANSWER_TIMEOUT_MS = 60_000; // once a picture is sent; the service itself gives up earlier, and says so
const TRIES = 3; // of a sheet whose request fails although the service is there
const TOO_SLOW_MS = 7000; // the service gives up on a body that takes longer than 10 s by default
const MEASURED_MS = 1500; // of an upload, before its duration is estimated
const RETRIED = new Set([408, 429, 500, 502, 504]); // statuses that another try may not have

/**
 * `state` is "running", "away" while the service cannot be reached or is busy (until `retryAt`, of performance.now()),
 * "key" while it wants an API key, or "paused". Emits "state" when that changes.
 * `options()`: `apiKey`, `isPaused` and `template` as they are when a sheet is sent.
 */
export class ReadingQueue extends EventTarget {
  constructor(stack, options) {
    super();
    this.stack = stack;
    this.options = options;
    this.state = "running";
    this.active = 0;
    this.preparing = false;
    this.level = 0; // of `LEVELS`: how much pictures are shrunk for this connection
    this.waitMs = FIRST_WAIT_MS;
    this.timer = 0;
    stack.addEventListener("list", () => this.run());
    stack.addEventListener("sheet", () => this.run());
    window.addEventListener("online", () => this.resume());
  }

  /** Starts what can be started. */
  run() {
    this.prepareNext();
    if (this.options().isPaused) this.setState("paused");
    else if (this.state === "paused") this.setState("running");
    while (this.state === "running" && this.active < AT_ONCE) {
      const sheet = this.stack.sheets.find(({ state, prepared }) => state === "waiting" && prepared);
      if (!sheet) return;
      this.active++;
      sheet.state = "uploading"; // at once, so that it is not found again
      this.read(sheet).finally(() => {
        this.active--;
        this.run();
      });
    }
  }

  /** Tries again now: the user asks for it, has entered a key, or the network is back. */
  resume() {
    clearTimeout(this.timer);
    this.waitMs = FIRST_WAIT_MS;
    this.setState("running");
    this.run();
  }

  retry(sheets) {
    for (const sheet of sheets) this.stack.replace(sheet, { state: "waiting", problem: null, tries: 0 });
    this.resume();
  }

  async prepareNext() {
    if (this.preparing) return;
    const sheet = this.stack.sheets.find(({ state, prepared }) => state === "waiting" && !prepared);
    if (!sheet) return;
    this.preparing = true;
    const signal = this.stack.begin(sheet);
    const original = await this.stack.pictureOf(sheet);
    const { picture, ...facts } = (original && (await prepare(original))) ?? {};
    const changes = original ? { prepared: true, ...facts } : { state: "failed", problem: unreadable() };
    if (!signal.aborted) await this.stack.update(sheet, changes, picture); // else it was changed, and is waiting again
    this.preparing = false;
    this.run();
  }

  /** Reads one sheet. A response that arrives after `signal` was aborted is ignored: the picture has changed since. */
  async read(sheet) {
    const signal = this.stack.begin(sheet);
    this.stack.show(sheet, { state: "uploading", progress: 0 });
    const picture = await this.stack.pictureOf(sheet);
    try {
      const { answer, factor } = await this.send(sheet, picture, signal);
      if (signal.aborted) return;
      this.waitMs = FIRST_WAIT_MS;
      const changes = { state: "read", problem: null, model: answer.model, pages: pagesOf(answer, factor), edits: {} };
      await this.stack.update(sheet, changes);
    } catch (problem) {
      if (!signal.aborted) await this.handle(sheet, problem, picture, signal);
    }
  }

  /** Sends a smaller copy where the connection proves too slow for this one. */
  async send(sheet, picture, signal) {
    for (;;) {
      const { level } = this;
      const { picture: copy, factor } = await shrink(picture, level);
      signal.throwIfAborted();
      this.stack.show(sheet, { state: "uploading", progress: 0, isCopy: copy !== picture });
      const isLast = level === LEVELS.length - 1 || !isShrinkable(picture);
      const attempt = new AbortController();
      const watch = uploadWatch((progress, estimateMs) => {
        if (!signal.aborted) this.stack.show(sheet, progress < 1 ? { progress } : { state: "reading", progress });
        if (estimateMs > TOO_SLOW_MS && !isLast) attempt.abort(new TooSlow());
      });
      const { apiKey, template } = this.options();
      const combined = AbortSignal.any([signal, attempt.signal]);
      try {
        const request = { apiKey, template: template && JSON.parse(template), alternatives: ALTERNATIVES, retries: 0 };
        const transfer = { signal: combined, onProgress: watch, answerTimeoutMs: ANSWER_TIMEOUT_MS };
        return { answer: await read(copy, { ...request, ...transfer }), factor };
      } catch (problem) {
        if (signal.aborted || isLast || !(problem instanceof TooSlow || problem.status === 408)) throw problem;
        this.level = Math.max(this.level, level + 1);
      }
    }
  }

  async handle(sheet, problem, picture, signal) {
    const again = { state: "waiting", progress: 0 };
    const isAway = problem.status === 503 || (problem.status === 0 && !(await isReachable()));
    if (signal.aborted) return;
    if (problem.status === 401) {
      await this.stack.update(sheet, again);
      this.setState("key");
    } else if (isAway) {
      await this.stack.update(sheet, again);
      this.waitForService(problem);
    } else if ((problem.status === 0 || RETRIED.has(problem.status)) && (sheet.tries ?? 0) + 1 < TRIES) {
      await this.stack.update(sheet, { ...again, tries: (sheet.tries ?? 0) + 1 });
    } else {
      await this.stack.update(sheet, { state: "failed", problem: plain(problem, picture) });
    }
  }

  waitForService({ retryAfter, status }) {
    this.isBusy = status === 503;
    const waitMs = Math.max(this.waitMs, (retryAfter ?? 0) * 1000);
    clearTimeout(this.timer);
    this.retryAt = performance.now() + waitMs;
    this.timer = setTimeout(() => {
      this.setState("running");
      this.run();
    }, waitMs);
    this.waitMs = Math.min(2 * this.waitMs, LONGEST_WAIT_MS);
    this.setState("away");
  }

  setState(state) {
    const isNew = state !== this.state || state === "away";
    this.state = state;
    if (isNew) this.dispatchEvent(new Event("state"));
  }
}

class TooSlow extends Error {}

/** Calls `onupload(progress, estimateMs)`: the share that is sent, and how long the whole upload will take. */
function uploadWatch(onupload) {
  const start = performance.now();
  return (fraction) => {
    const elapsedMs = performance.now() - start;
    const isMeasured = elapsedMs > MEASURED_MS && fraction > 0 && fraction < 1;
    onupload(fraction, isMeasured ? elapsedMs / fraction : 0);
  };
}

/** A request that broke says nothing about the service: a proxy may have refused this body alone. */
async function isReachable() {
  const probe = new URL("../../health/live", import.meta.url);
  return fetch(probe, { cache: "no-store", signal: AbortSignal.timeout(5000) }).then(
    ({ ok }) => ok,
    () => false,
  );
}

/** As it is stored: errors of the page's own are shown as such. */
function plain({ type, title, detail, status, message }, picture) {
  const size = `${(picture.size / 1e6).toFixed(1)} MB`;
  if (status === 408) {
    const slow = `The connection is too slow for a file of ${size}.`;
    return { type: "urn:digits:problem:too-slow", title: "Sending took too long", detail: slow, status };
  }
  if (status === 0 && type !== "urn:digits:problem:timeout") {
    const broken = `The service is there, but the connection broke each time. The file has ${size}; it may be too large.`;
    return { type: "urn:digits:problem:broken", title: "The file could not be sent", detail: broken, status };
  }
  return { type, title, detail: detail ?? message, status };
}
