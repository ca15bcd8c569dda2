// Gives corrections to the service, where its operator keeps them and the user has turned this on.

import { correct } from "../digits.js";
import { linesOf } from "./lines.js";
import { cut } from "./shrink.js";

const SETTLED_MS = 10_000; // after the last change of a line: until then, undo takes it back before it is sent
const CHECK_MS = 2000; // between two looks for corrections that are settled
const RETRY_MS = 30_000;
const MARGIN = 4; // pixels around a line
const MAX_DIGITS = 64;

/** Emits "sent" when the number of `sent` corrections or the `problem` changes. */
export class GivingBack extends EventTarget {
  /** `options()`: `apiKey`, and `isPaused` while nothing may leave this browser. */
  constructor(stack, options) {
    super();
    this.stack = stack;
    this.options = options;
    this.isOn = false;
    this.isSending = false;
    this.hasSent = false;
    this.problem = "";
    this.retryAt = 0; // of performance.now()
    this.timer = 0;
  }

  turn(isOn) {
    this.isOn = isOn;
    this.problem = "";
    this.retryAt = 0;
    clearInterval(this.timer);
    if (isOn) this.timer = setInterval(() => this.sendSettled(), CHECK_MS);
  }

  /** Whether the service keeps something of this stack, or will. */
  get hasGiven() {
    return this.isOn || this.hasSent || this.counts().sent > 0;
  }

  /** How many corrections there are, and how many of them are sent. */
  counts() {
    const corrections = this.stack.sheets.flatMap((sheet) => correctionsOf(sheet));
    return { all: corrections.length, sent: corrections.filter(({ isSent }) => isSent).length };
  }

  async sendSettled() {
    if (this.isSending || performance.now() < this.retryAt) return;
    this.isSending = true;
    this.problem = "";
    for (const sheet of [...this.stack.sheets]) {
      for (const { line, isSent, at } of correctionsOf(sheet)) {
        const isSettled = Date.now() - (at ?? 0) > SETTLED_MS;
        const mayLeave = this.isOn && !this.options().isPaused;
        if (!isSent && isSettled && mayLeave && !this.problem) await this.send(sheet, line);
      }
    }
    this.isSending = false;
  }

  async send(sheet, line) {
    try {
      const picture = await cut(await this.stack.pictureOf(sheet), regionOf(line.reading.box, sheet.size));
      const options = {
        read: digitsOf(line.reading.text).slice(0, MAX_DIGITS) || "none",
        apiKey: this.options().apiKey,
      };
      const { name: model, version } = sheet.model;
      this.hasSent = true;
      await correct(picture, digitsOf(line.text) || "none", { ...options, model, version, retries: 0 });
      const edit = sheet.edits[line.key];
      if (edit?.text !== line.text) return; // undone or corrected again meanwhile
      await this.stack.update(sheet, { edits: { ...sheet.edits, [line.key]: { ...edit, sent: line.text } } });
    } catch (error) {
      this.problem = error.message;
      this.retryAt = performance.now() + RETRY_MS;
    }
    this.dispatchEvent(new Event("sent"));
  }
}

/** Of lines whose picture this browser can cut out, and whose text the service takes as digits. */
function correctionsOf(sheet) {
  if (!sheet.size) return [];
  const corrected = linesOf(sheet).filter(({ status }) => status === "corrected");
  const sendable = corrected.filter(({ text }) => digitsOf(text).length <= MAX_DIGITS);
  return sendable.map((line) => {
    const { sent, at } = sheet.edits[line.key];
    return { line, isSent: sent === line.text, at };
  });
}

function digitsOf(text) {
  return text.replaceAll(/[^0-9]/g, "");
}

function regionOf([left, top, width, height], [pictureWidth, pictureHeight]) {
  const x = Math.max(0, Math.floor(left - MARGIN));
  const y = Math.max(0, Math.floor(top - MARGIN));
  const right = Math.min(pictureWidth, Math.ceil(left + width + MARGIN));
  const bottom = Math.min(pictureHeight, Math.ceil(top + height + MARGIN));
  return [x, y, right - x, bottom - y];
}
