// What is done with the stack as a whole, or with a sheet of it: read again, remove, clear, copy, save.

import { translate } from "../translations.js";
import { confirmLoss } from "./bench_layout.js";
import * as table from "./table.js";

export class StackActions {
  /** `bench`: the workbench, with its chosen sheet, its stack, queue and history. */
  constructor(bench) {
    this.bench = bench;
  }

  /** Reads the whole stack again, with the template as it is now or without one. */
  async applyTemplate() {
    const { stack, history, queue } = this.bench;
    const { sheets } = stack;
    const hasEdits = sheets.some(({ edits }) => Object.keys(edits).length > 0);
    const question = translate("applyQuestion", { count: sheets.length });
    if (hasEdits && !(await confirmLoss(question, "applyTemplate"))) return;
    const stored = sheets.filter(({ state }) => state !== "storing");
    for (const sheet of stored) await stack.replace(sheet, { pages: [], edits: {} });
    history.clear();
    queue.retry(stored);
  }

  async remove() {
    const { chosen: sheet, stack, history, list, status } = this.bench;
    const removed = stack.remove(sheet);
    history.add(async () => {
      await (await removed)();
      return { sheet };
    });
    await removed;
    this.bench.showState();
    list.root.focus();
    status.announce(translate("saidRemoved", { name: sheet.name }));
  }

  async clear() {
    const { stack, history } = this.bench;
    const question = translate("clearQuestion", { count: stack.sheets.length });
    if (!(await confirmLoss(question, "clearStack"))) return;
    history.clear();
    await stack.clear();
  }

  async copy() {
    const text = table.toText(this.bench.stack.sheets);
    const isCopied = await navigator.clipboard?.writeText(text).then(
      () => true,
      () => false,
    );
    this.bench.status.say(translate(isCopied ? "copied" : "copyFailed"));
  }

  save(extension, type, encode) {
    table.download(`digits.${extension}`, type, encode(this.bench.stack.sheets));
    const unread = this.bench.stack.sheets.filter(({ state }) => state !== "read").length;
    this.bench.status.say(translate(unread ? "savedWithout" : "saved", { count: unread }));
  }
}
