// Accepting and correcting the lines of the chosen sheet, one doubtful line after the other.

import { translate } from "../translations.js";
import { countDoubtful, isDoubtful, linesOf } from "./lines.js";

export class Corrections {
  /** `bench`: the workbench, with its chosen sheet, its stack, history and editor. */
  constructor(bench) {
    this.bench = bench;
  }

  /** Accepts `text` for a line, and goes on to the next doubtful line of the sheet unless it `stays`. */
  commit(key, text, { stays }) {
    const { chosen: sheet, history, editor, status } = this.bench;
    const before = sheet.edits[key];
    this.setEdit(sheet, key, { ...before, text, at: Date.now() });
    history.add(() => {
      this.setEdit(sheet, key, before);
      return { sheet, key };
    });
    this.bench.showLines(key);
    const left = countDoubtful([sheet]);
    const said = translate(text === editor.current.reading.text ? "saidAccepted" : "saidCorrected", { text });
    if (left && !stays) this.goToDoubtful(1);
    else editor.list.focus();
    this.bench.showState();
    status.announce(`${said} ${translate(left === 1 ? "oneDoubtfulLeft" : "doubtfulLeft", { count: left })}`);
  }

  setEdit(sheet, key, edit) {
    const edits = { ...sheet.edits, [key]: edit };
    if (!edit) delete edits[key];
    this.bench.stack.update(sheet, { edits });
  }

  /** The next or previous doubtful line from the current one on, of the sheet or of the whole stack. */
  async goToDoubtful(step, { everywhere = false } = {}) {
    const { bench } = this;
    const { chosen, editor } = bench;
    const sheets = everywhere ? bench.stack.sheets : [chosen];
    const all = sheets.flatMap((sheet) => linesOf(sheet).map((line) => ({ sheet, line })));
    const index = all.findIndex(({ sheet, line }) => sheet === chosen && line.key === editor.currentKey);
    const ordered = [...all.slice(index + 1), ...all.slice(0, Math.max(index, 0))];
    const doubtful = ordered.filter(({ line }) => isDoubtful(line));
    const found = doubtful.at(step > 0 ? 0 : -1);
    if (!found) return bench.status.announce(translate("noneDoubtful"));
    const isShown = found.sheet === chosen && found.line.pageIndex === bench.pageIndex;
    if (!isShown) bench.choose(found.sheet, found.line.key);
    bench.goTo(found.line.key);
    editor.list.focus();
  }
}
