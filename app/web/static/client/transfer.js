// The bytes of one request under way: their progress, and an end to it when they stop moving.

export const TIMEOUT_MS = 15_000; // longer than the 10 s after which the service itself answers 504
const MAX_TIMER_MS = 2 ** 31 - 1; // timers of browsers and of Node.js fire at once beyond it

/** Calls `onAbort` with the reason when the signal is aborted. Returns a function that ends this. */
export function onceAborted(signal, onAbort) {
  const listener = () => onAbort(signal.reason);
  if (signal?.aborted) listener();
  else signal?.addEventListener("abort", listener, { once: true });
  return () => signal?.removeEventListener("abort", listener);
}

/** A timer that may wait forever. */
export function startTimer(callback, milliseconds) {
  return setTimeout(callback, Math.min(milliseconds, MAX_TIMER_MS));
}

/** A response whose chunks the transfer is told of as they arrive. */
export function followed(response, transfer) {
  const transform = (chunk, controller) => {
    transfer.received();
    controller.enqueue(chunk);
  };
  return new Response(response.body?.pipeThrough(new TransformStream({ transform })));
}

/** Its signal is aborted with a TimeoutError once no byte has moved for too long, or by the caller's own signal. */
export class Transfer {
  #controller = new AbortController();
  #options;
  #startedAt = performance.now();
  #stopFollowing;
  #timer;

  /** Times in milliseconds. `answerTimeoutMs`: from the end of the upload to the first byte of the answer. */
  constructor({ signal, timeoutMs = TIMEOUT_MS, answerTimeoutMs, onProgress = () => {} }) {
    this.#options = { timeoutMs, answerTimeoutMs, onProgress };
    this.#stopFollowing = onceAborted(signal, (reason) => this.#controller.abort(reason));
    this.#wait(timeoutMs);
  }

  get signal() {
    return this.#controller.signal;
  }

  /** A fraction of the body has been sent: from 0, before its first byte, to 1. */
  sent(fraction) {
    this.#wait(fraction < 1 ? this.#options.timeoutMs : this.#answerTimeout());
    this.#options.onProgress(fraction);
  }

  /** Some bytes of the answer have arrived. */
  received() {
    this.#wait(this.#options.timeoutMs);
  }

  close() {
    clearTimeout(this.#timer);
    this.#stopFollowing();
  }

  /** The end of a slow upload is still in the buffers of the system and of routers when it seems to be sent. */
  #answerTimeout() {
    const { timeoutMs, answerTimeoutMs } = this.#options;
    return answerTimeoutMs ?? Math.max(timeoutMs, performance.now() - this.#startedAt);
  }

  #wait(milliseconds) {
    clearTimeout(this.#timer);
    const timeout = () => this.#controller.abort(new DOMException("no byte moved for too long", "TimeoutError"));
    this.#timer = startTimer(timeout, milliseconds);
  }
}
