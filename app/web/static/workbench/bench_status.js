// How far the stack is, what it waits for, and what a screen reader hears of it.

import { translate } from "../translations.js";
import { countDoubtful } from "./lines.js";

const ANNOUNCE_DELAY_MS = 800; // screen readers hear how far the stack is, not each step of it

export class BenchStatus {
  /** `parts`: of the layout; `bench`: the workbench, with its stack, queue and corrections. */
  constructor(parts, bench) {
    Object.assign(this, { parts, bench });
    this.frame = null;
    this.announceTimer = 0;
    this.isAnswering = false;
  }

  showAll() {
    this.showSummary();
    this.showNotice();
    this.showGivenBack();
  }

  /** At most once in each frame, however many sheets change. */
  schedule() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      this.showAll();
    });
  }

  showSummary() {
    const { sheets } = this.bench.stack;
    const count = (wanted) => sheets.filter(({ state }) => state === wanted).length;
    const [read, failed, doubtful] = [count("read"), count("failed"), countDoubtful(sheets)];
    this.parts.retryAll.hidden = failed < 2;
    const texts = [
      translate("summaryRead", { read, count: sheets.length }),
      failed > 0 && translate("summaryFailed", { count: failed }),
      read > 0 && translate(doubtful === 1 ? "oneDoubtfulLine" : "doubtfulLines", { count: doubtful }),
    ];
    const text = texts.filter(Boolean).join(" · ");
    if (text === this.parts.summary.textContent) return;
    this.parts.summary.textContent = text;
    this.announce(text, { isAnswer: false });
  }

  showNotice() {
    const message = this.noticeMessage();
    this.parts.notice.hidden = !message;
    const text = message ? translate(message) : "";
    if (this.parts.notice.textContent !== text) this.parts.notice.textContent = text;
    this.parts.tryNow.hidden = this.bench.queue.state !== "away";
  }

  noticeMessage() {
    if (this.bench.isElsewhere) return "openElsewhere";
    if (this.bench.queue.state === "key") return "keyNeededDetail";
    if (this.bench.queue.state === "away") return this.bench.queue.isBusy ? "serviceBusy" : "serviceAway";
    if (this.bench.page.isOnDevice()) return "pausedOnDevice";
    if (this.bench.stack.writeFailed) return "storageFull";
    return this.bench.store.persistent ? null : "notKept";
  }

  /** In the summary for everyone to see, until something changes. */
  say(text) {
    this.parts.summary.textContent = text;
    this.announce(text);
  }

  showGivenBack() {
    const { all, sent } = this.bench.givingBack.counts();
    const { problem, isOn } = this.bench.givingBack;
    const counted = isOn ? translate("givenBack", { sent, all }) : "";
    this.parts.giveBackCount.textContent =
      problem && isOn ? `${counted} ${translate("notGivenBack", { problem })}` : counted;
  }

  /** How far the stack is does not interrupt what the user's own keys have done (`isAnswer`). */
  announce(text, { isAnswer = true } = {}) {
    if (!isAnswer && this.isAnswering) return;
    clearTimeout(this.announceTimer);
    this.isAnswering = isAnswer;
    this.announceTimer = setTimeout(() => {
      this.isAnswering = false;
      this.parts.spoken.textContent = text;
    }, ANNOUNCE_DELAY_MS);
  }
}
