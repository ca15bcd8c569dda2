// The workbench of the mode "several": a stack of sheets, each beside its lines, to read, correct and take home.

import { health } from "../digits.js";
import { addMessages, translate, translatePage, translateProblem } from "../translations.js";
import { confirmLoss, layOutBench } from "./bench_layout.js";
import { BenchStatus } from "./bench_status.js";
import { CropBox } from "./crop_box.js";
import { GivingBack } from "./giving_back.js";
import { History } from "./history.js";
import { LineEditor } from "./line_editor.js";
import { countDoubtful, isDoubtful, linesOf } from "./lines.js";
import { MESSAGES, PROBLEMS } from "./messages.js";
import { ReadingQueue } from "./reading_queue.js";
import { openStore } from "./sheet_store.js";
import { SheetView } from "./sheet_view.js";
import { change } from "./shrink.js";
import { Stack } from "./stack.js";
import { StackList, stateText } from "./stack_list.js";
import * as table from "./table.js";
import { documentBox } from "./template.js";
import { TemplatePanel } from "./template_panel.js";
import { turnedBox, turnedSize } from "./turning.js";

const LOCK = "digits.stack"; // of the tab that works on the stack: two would read every sheet twice

/**
 * `page`: what the rest of the page does for the workbench: `apiKey()`, `isOnDevice()`, `chooseFiles()`, `useCamera()`,
 * `draw()` shows the drawing pad, `onStack(isEmpty)` when sheets come or go, and `askForKey()`.
 */
export async function openWorkbench(root, page) {
  addMessages(MESSAGES, PROBLEMS);
  const bench = new Workbench(root, page, new Stack(await openStore()));
  translatePage();
  bench.showAll();
  bench.opened = bench.open();
  return bench;
}

class Workbench {
  constructor(root, page, stack) {
    Object.assign(this, { page, stack, root });
    this.history = new History();
    this.chosen = null;
    this.pageIndex = 0;
    this.isElsewhere = false;
    this.queue = new ReadingQueue(stack, () => ({
      template: this.template.json,
      apiKey: page.apiKey(),
      isPaused: this.isElsewhere || page.isOnDevice(),
    }));
    this.givingBack = new GivingBack(stack, page.apiKey);
    this.list = new StackList({ onchoose: (sheet) => this.choose(sheet), onopen: () => this.editor.list.focus() });
    this.view = new SheetView({ online: (key) => this.goTo(key) });
    this.editor = new LineEditor({
      onmove: (key) => this.goTo(key),
      oncommit: (key, text, options) => this.commit(key, text, options),
      onsay: (text) => this.status.announce(text),
      onpoint: (key) => this.view.light(key),
      drawStrip: (canvas, box) => this.view.drawStrip(canvas, box),
    });
    this.template = new TemplatePanel({ ondraw: () => this.drawField(), onapply: () => this.applyTemplate() });
    this.parts = layOutBench(root, this.commands(), this);
    this.status = new BenchStatus(this.parts, this);
    root.addEventListener("keydown", (event) => this.onKeyDown(event));
    stack.addEventListener("list", () => this.onList());
    stack.addEventListener("sheet", ({ detail }) => this.onSheet(detail));
    this.queue.addEventListener("state", () => this.onQueueState());
    this.givingBack.addEventListener("sent", () => this.status.showGivenBack());
  }

  commands() {
    return {
      choose: () => this.page.chooseFiles(),
      camera: () => this.page.useCamera(),
      draw: () => this.page.draw(),
      copy: () => this.copy(),
      csv: () => this.save("csv", "text/csv", table.toCsv),
      json: () => this.save("json", "application/json", table.toJson),
      clear: () => this.clear(),
      tryNow: () => this.queue.resume(),
      retry: () => this.queue.retry([this.chosen]),
      retryAll: () => this.queue.retry(this.stack.sheets.filter(({ state }) => state === "failed")),
      remove: () => this.remove(),
      page: (step) => this.showPage(this.pageIndex + step),
      zoom: (step) => this.zoom(step),
      turn: () => this.turn(),
      crop: () => this.crop(),
      next: () => this.goToDoubtful(1, true),
      undo: () => this.undo(),
      giveBack: (isOn) => this.givingBack.turn(isOn),
    };
  }

  /** Waits until no other tab works on the stack, then loads it. */
  async open() {
    if (!(await claimLock({ ifAvailable: true }))) {
      this.isElsewhere = true;
      this.status.showNotice();
      this.page.onStack(false);
      await claimLock({});
      this.isElsewhere = false;
    }
    await this.stack.load();
    this.status.showNotice();
    this.queue.run();
    this.askForCorrections();
  }

  async add(files) {
    await this.opened;
    const first = this.stack.sheets.length;
    const added = this.stack.add(files);
    if (this.chosen === null || this.chosen.state !== "read") this.choose(this.stack.sheets[first]);
    await added;
  }

  /** The key has been entered, or reading on this device has been turned on or off. */
  resume() {
    this.queue.resume();
    this.status.showNotice();
    this.askForCorrections();
  }

  get isEmpty() {
    return this.stack.sheets.length === 0;
  }

  // --- what is shown ---

  /** Shows everything, in the page's present language. */
  showAll() {
    this.list.showAll(this.stack.sheets);
    this.status.showAll();
    this.template.show();
    this.showSheet();
  }

  onList() {
    const { sheets } = this.stack;
    this.list.showAll(sheets);
    this.status.showSummary();
    this.page.onStack(this.isEmpty);
    if (!sheets.includes(this.chosen))
      this.choose(sheets.find(({ id }) => id > this.chosen?.id) ?? sheets.at(-1) ?? null);
  }

  onSheet(sheet) {
    this.list.show(sheet);
    this.status.schedule();
    if (sheet !== this.chosen) return;
    this.showState();
    if (this.shownPages !== sheet.pages || this.shownPicture !== sheet.thumbnail) this.showSheet();
  }

  onQueueState() {
    this.status.showNotice();
    if (this.queue.state === "key") this.page.askForKey();
  }

  // --- the chosen sheet ---

  choose(sheet, key = null) {
    this.chosen = sheet;
    this.pageIndex = 0;
    this.list.choose(sheet);
    return this.showSheet(key);
  }

  async showSheet(key = this.editor.currentKey) {
    const sheet = this.chosen;
    this.showState();
    if (!sheet) {
      this.view.clear();
      return this.editor.show([], null);
    }
    this.shownPages = sheet.pages;
    this.shownPicture = sheet.thumbnail;
    const current = key ?? (linesOf(sheet).find(isDoubtful) ?? linesOf(sheet)[0])?.key;
    this.pageIndex = current ? Number(current.split(":")[0]) : this.pageIndex;
    this.showLines(current);
    await this.showPicture(sheet);
  }

  async showPicture(sheet) {
    const picture = await this.stack.pictureOf(sheet);
    if (sheet !== this.chosen || !picture) return;
    await this.view.show(sheet, picture, this.pageIndex);
    if (sheet !== this.chosen) return;
    this.showState();
    this.showOutlines();
    this.editor.showPanel();
    this.view.reveal(this.editor.currentKey);
  }

  showPage(index) {
    if (index < 0 || index >= this.chosen.pages.length) return;
    this.pageIndex = index;
    const first = linesOf(this.chosen).find(({ pageIndex }) => pageIndex === index);
    this.showLines(first?.key ?? null);
    this.showState();
    this.showPicture(this.chosen);
  }

  showState() {
    const { parts, chosen } = this;
    parts.head.hidden = !chosen;
    if (!chosen) return;
    parts.name.textContent = chosen.name;
    const [title, detail] = chosen.problem ? translateProblem(chosen.problem) : [stateText(chosen), ""];
    parts.state.textContent = [title, detail].filter(Boolean).join(": ");
    parts.state.dataset.state = chosen.state;
    parts.retry.hidden = chosen.state !== "failed";
    parts.pages.hidden = chosen.pages.length < 2;
    parts.page.textContent = translate("pageOf", { number: this.pageIndex + 1, count: chosen.pages.length });
    for (const control of parts.pictureButtons.children) control.disabled = !chosen.size;
    parts.undo.disabled = this.history.empty;
  }

  /** The lines of the page that is shown. */
  showLines(key) {
    const lines = linesOf(this.chosen).filter(({ pageIndex }) => pageIndex === this.pageIndex);
    this.editor.show(lines, key);
    this.showOutlines();
  }

  showOutlines() {
    if (this.view.sheet === this.chosen) this.view.showLines(this.editor.lines, this.editor.currentKey);
  }

  goTo(key) {
    this.editor.setCurrent(key);
    this.showOutlines();
    this.view.reveal(key);
    if (this.root.contains(document.activeElement) || document.activeElement === document.body)
      this.editor.list.focus();
  }

  zoom(step) {
    this.view.zoomBy(step);
    this.view.reveal(this.editor.currentKey);
  }

  // --- correcting ---

  onKeyDown(event) {
    const { key, ctrlKey, metaKey, altKey, target } = event;
    if (target.matches("input, select, textarea, .crop-box")) return;
    const isUndo = (key === "z" && (ctrlKey || metaKey)) || (key === "u" && !ctrlKey && !metaKey);
    if (isUndo) this.undo();
    else if (ctrlKey || metaKey || altKey) return;
    else if (key === "n") this.goToDoubtful(1, true);
    else if (key === "p") this.goToDoubtful(-1, true);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** Accepts `text` for a line, and goes on to the next doubtful line of the sheet unless it `stays`. */
  commit(key, text, { stays }) {
    const sheet = this.chosen;
    const before = sheet.edits[key];
    this.setEdit(sheet, key, { ...before, text, at: Date.now() });
    this.history.add(() => {
      this.setEdit(sheet, key, before);
      return { sheet, key };
    });
    this.showLines(key);
    const left = countDoubtful([sheet]);
    const said = translate(text === this.editor.current.reading.text ? "saidAccepted" : "saidCorrected", { text });
    if (left && !stays) this.goToDoubtful(1, false);
    else this.editor.list.focus();
    this.showState();
    this.status.announce(`${said} ${translate(left === 1 ? "oneDoubtfulLeft" : "doubtfulLeft", { count: left })}`);
  }

  setEdit(sheet, key, edit) {
    const edits = { ...sheet.edits, [key]: edit };
    if (!edit) delete edits[key];
    this.stack.update(sheet, { edits });
  }

  /** The next or previous doubtful line, of the whole stack if `everywhere`, from the current one on. */
  async goToDoubtful(step, everywhere) {
    const sheets = everywhere ? this.stack.sheets : [this.chosen];
    const all = sheets.flatMap((sheet) => linesOf(sheet).map((line) => ({ sheet, line })));
    const index = all.findIndex(({ sheet, line }) => sheet === this.chosen && line.key === this.editor.currentKey);
    const ordered = [...all.slice(index + 1), ...all.slice(0, Math.max(index, 0))];
    const doubtful = ordered.filter(({ line }) => isDoubtful(line));
    const found = doubtful.at(step > 0 ? 0 : -1);
    if (!found) return this.status.announce(translate("noneDoubtful"));
    const isShown = found.sheet === this.chosen && found.line.pageIndex === this.pageIndex;
    if (!isShown) this.choose(found.sheet, found.line.key);
    this.goTo(found.line.key);
    this.editor.list.focus();
  }

  async undo() {
    const undone = await this.history.undo();
    if (!undone) return;
    await this.choose(undone.sheet, undone.key);
    this.status.announce(translate("saidUndone"));
  }

  // --- the picture ---

  turn() {
    this.changePicture({ degrees: (this.view.degrees + 270) % 360 }); // clockwise, from how it is shown
  }

  crop() {
    const { view } = this;
    this.drawBox("cropArea", "cropHelp", (box) =>
      this.changePicture({ degrees: view.degrees, box: this.boxOfPicture(box) }),
    );
  }

  /** Lets the user draw a rectangle on the picture. `onbox(box)`: in shares of the picture as it is shown. */
  drawBox(area, help, onbox) {
    const { view } = this;
    if (!view.size || view.root.querySelector(".crop-cover")) return;
    const crop = new CropBox(view.stage, area, (box) => {
      view.root.focus();
      this.showState();
      if (box) onbox(box);
    });
    crop.root.ariaLabel = translate(area);
    this.status.announce(translate(help));
    this.parts.state.textContent = translate(help);
  }

  /** From shares of the picture as it is shown to pixels of the picture. */
  boxOfPicture([left, top, width, height]) {
    const { size, degrees } = this.view;
    const shown = turnedSize(size, degrees);
    const box = [left * shown[0], top * shown[1], width * shown[0], height * shown[1]];
    return turnedBox(box, shown, (360 - degrees) % 360).map(Math.round);
  }

  /** The changed picture is read again. Undo brings back the picture, its reading and its corrections. */
  async changePicture(options) {
    const sheet = this.chosen;
    const before = { ...sheet };
    const picture = await this.stack.pictureOf(sheet);
    const changed = await change(picture, options);
    this.history.add(async () => {
      const { prepared, pages, edits, size, thumbnail, upright, problem, state } = before;
      const settled = state === "read" || state === "failed" ? state : "waiting";
      await this.stack.update(
        sheet,
        { prepared, pages, edits, size, thumbnail, upright, problem, state: settled },
        picture,
      );
      return { sheet };
    });
    const anew = { state: "waiting", prepared: false, pages: [], edits: {}, upright: true, problem: null, tries: 0 };
    await this.stack.update(sheet, anew, changed);
  }

  // --- the fields of forms ---

  drawField() {
    this.drawBox("fieldArea", "fieldHelp", ([left, top, width, height]) => {
      const [fullWidth, fullHeight] = turnedSize(this.view.size, this.view.degrees);
      const box = [left * fullWidth, top * fullHeight, width * fullWidth, height * fullHeight];
      this.template.addField(documentBox(box, [fullWidth, fullHeight], this.view.shownOutline()));
    });
  }

  /** Reads the whole stack again, with the template as it is now or without one. */
  async applyTemplate() {
    const { sheets } = this.stack;
    const hasEdits = sheets.some(({ edits }) => Object.keys(edits).length > 0);
    const question = translate("applyQuestion", { count: sheets.length });
    if (hasEdits && !(await confirmLoss(question, "applyTemplate"))) return;
    const settled = sheets.filter(({ state }) => state === "read" || state === "failed");
    for (const sheet of settled) await this.stack.update(sheet, { pages: [], edits: {} });
    this.history.clear();
    this.queue.retry(settled);
  }

  async remove() {
    const sheet = this.chosen;
    const restore = await this.stack.remove(sheet);
    this.history.add(async () => {
      await restore();
      return { sheet };
    });
    this.showState();
    this.list.root.focus();
    this.status.announce(translate("saidRemoved", { name: sheet.name }));
  }

  async clear() {
    const question = translate("clearQuestion", { count: this.stack.sheets.length });
    if (!(await confirmLoss(question, "clearStack"))) return;
    this.history.clear();
    await this.stack.clear();
  }

  // --- taking it home, giving back ---

  async copy() {
    const text = table.toText(this.stack.sheets);
    const isCopied = await navigator.clipboard?.writeText(text).then(
      () => true,
      () => false,
    );
    this.status.say(translate(isCopied ? "copied" : "copyFailed"));
  }

  save(extension, type, encode) {
    table.download(`digits.${extension}`, type, encode(this.stack.sheets));
    const unread = this.stack.sheets.filter(({ state }) => state !== "read").length;
    this.status.say(translate(unread ? "savedWithout" : "saved", { count: unread }));
  }

  async askForCorrections() {
    const state = await health({ apiKey: this.page.apiKey() }).catch(() => null);
    if (state) this.parts.giveBack.hidden = !state.corrections;
  }
}

/** Resolves to whether this tab has the lock, which it keeps. Without locks, as on pages without TLS, it always has. */
function claimLock(options) {
  if (!navigator.locks) return Promise.resolve(true);
  return new Promise((resolve) => {
    navigator.locks.request(LOCK, options, (lock) => {
      resolve(lock !== null);
      return lock && new Promise(() => {});
    });
  });
}
