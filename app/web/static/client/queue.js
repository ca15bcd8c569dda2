// Many pictures, a few at a time.

import { onceAborted } from "./transfer.js";

/**
 * Takes items as they are needed, from an array, a FileList or any iterable, also an asynchronous one, and calls
 * `process(item, signal)` for `concurrency` of them at a time.
 *
 * Resolves to an entry for each item, in their order: `index` with the members of the result, or `index` and `error`.
 * `onEntry(entry, item)` gets them in the order in which they are done; `onProgress(done, total)` after each, where total
 * is undefined if it is not known. Rejects with the signal's reason, with an error of the iterable or of a callback; the
 * others under way are then aborted.
 */
export async function processAll(items, process, { concurrency, signal, onEntry, onProgress }) {
  if (!(Number.isSafeInteger(concurrency) && concurrency >= 1)) {
    throw new RangeError("concurrency is a whole number, at least 1");
  }
  signal?.throwIfAborted();
  const queue = new Queue(items, process, { onEntry, onProgress });
  const stopFollowing = onceAborted(signal, (reason) => queue.stop(reason));
  try {
    return await queue.run(concurrency);
  } catch (error) {
    queue.stop(error);
    throw error;
  } finally {
    stopFollowing();
  }
}

class Queue {
  #controller = new AbortController();
  #entries = [];
  #done = 0;
  #taken = 0;
  #turn = Promise.resolve(); // an iterator is asked for one item after the other

  constructor(items, process, { onEntry, onProgress }) {
    this.iterator = iteratorOf(items);
    this.total = items.length ?? items.size;
    Object.assign(this, { process, onEntry, onProgress });
  }

  async run(concurrency) {
    this.onProgress?.(0, this.total);
    const { signal } = this.#controller;
    const stopped = new Promise((_, reject) => onceAborted(signal, reject)); // also while the iterator lets us wait
    const workers = Array.from({ length: Math.min(concurrency, this.total ?? concurrency) }, () => this.#work());
    await Promise.race([stopped, Promise.all(workers)]);
    return this.#entries;
  }

  stop(reason) {
    if (this.#controller.signal.aborted) return;
    this.#controller.abort(reason);
    Promise.resolve(this.iterator.return?.()).catch(() => {}); // the caller gets the reason
  }

  async #work() {
    const { signal } = this.#controller;
    for (let next = await this.#next(); !next.done; next = await this.#next()) {
      const result = await this.process(next.value, signal).catch((error) => ({ error }));
      signal.throwIfAborted();
      const entry = { index: next.index, ...result };
      this.#entries[next.index] = entry;
      this.#done++;
      this.onEntry?.(entry, next.value);
      this.onProgress?.(this.#done, this.total);
    }
  }

  #next() {
    const take = async () => {
      this.#controller.signal.throwIfAborted();
      const { done, value } = await this.iterator.next();
      return done ? { done } : { value, index: this.#taken++ };
    };
    this.#turn = this.#turn.then(take);
    return this.#turn;
  }
}

function iteratorOf(items) {
  const iterate = items?.[Symbol.asyncIterator] ?? items?.[Symbol.iterator];
  // Strings and bytes are iterable too, but are one picture.
  if (!iterate || typeof items === "string" || ArrayBuffer.isView(items)) {
    throw new TypeError("Pass several pictures: an array, a FileList or an iterable. read() takes one.");
  }
  return iterate.call(items);
}
