// The workbench of the mode "several": a stack of sheets, each beside its lines, to read, correct and take home.

import { health } from "../digits.js";
import { addMessages, translate, translatePage, translateProblem } from "../translations.js";
import { layOutBench } from "./bench_layout.js";
import { BenchStatus } from "./bench_status.js";
import { Corrections } from "./corrections.js";
import { GivingBack } from "./giving_back.js";
import { History } from "./history.js";
import { LineEditor } from "./line_editor.js";
import { isDoubtful, linesOf } from "./lines.js";
import { MESSAGES, PROBLEMS } from "./messages.js";
import { PictureChanges } from "./picture_changes.js";
import { ReadingQueue } from "./reading_queue.js";
import { openStore } from "./sheet_store.js";
import { SheetView } from "./sheet_view.js";
import { Stack } from "./stack.js";
import { StackActions } from "./stack_actions.js";
import { StackList, stateText } from "./stack_list.js";
import { claimLock } from "./tab_lock.js";
import * as table from "./table.js";
import { TemplatePanel } from "./template_panel.js";

/**
 * `page`: what the rest of the page does for the workbench: `apiKey()`, `isOnDevice()`, `chooseFiles()`, `useCamera()`,
 * `draw()` shows the drawing pad, `onStack(isEmpty)` when sheets come or go, `onPrivacy()` when `privacyMessage` may have
 * changed, and `askForKey()`.
 */
export async function openWorkbench(root, page) {
  addMessages(MESSAGES, PROBLEMS);
  const bench = new Workbench(root, page, await openStore());
  translatePage();
  bench.showAll();
  bench.opened = bench.open();
  return bench;
}

class Workbench {
  /** `store`: what this browser keeps. */
  constructor(root, page, store) {
    const stack = new Stack();
    Object.assign(this, { page, store, stack, root });
    this.history = new History();
    this.chosen = null;
    this.pageIndex = 0;
    this.isElsewhere = false;
    this.queue = new ReadingQueue(stack, () => ({
      template: this.template.json,
      apiKey: page.apiKey(),
      isPaused: page.isOnDevice(),
    }));
    this.givingBack = new GivingBack(stack, () => ({ apiKey: page.apiKey(), isPaused: page.isOnDevice() }));
    this.corrections = new Corrections(this);
    this.pictureChanges = new PictureChanges(this);
    this.actions = new StackActions(this);
    this.list = new StackList({ onchoose: (sheet) => this.choose(sheet), onopen: () => this.editor.list.focus() });
    this.view = new SheetView({ online: (key) => this.goTo(key) });
    this.editor = new LineEditor({
      onmove: (key) => this.goTo(key),
      oncommit: (key, text, options) => this.corrections.commit(key, text, options),
      onsay: (text) => this.status.announce(text),
      onpoint: (key) => this.view.light(key),
      drawStrip: (canvas, box) => this.view.drawStrip(canvas, box),
    });
    this.template = new TemplatePanel({
      ondraw: () => this.pictureChanges.drawField(),
      onapply: () => this.actions.applyTemplate(),
    });
    this.parts = layOutBench(root, this.commands(), this);
    this.status = new BenchStatus(this.parts, this);
    root.addEventListener("keydown", (event) => this.onKeyDown(event));
    stack.addEventListener("list", () => this.onList());
    stack.addEventListener("sheet", ({ detail }) => this.onSheet(detail));
    this.queue.addEventListener("state", () => this.onQueueState());
    this.givingBack.addEventListener("sent", () => this.onGivenBack());
  }

  commands() {
    return {
      choose: () => this.page.chooseFiles(),
      camera: () => this.page.useCamera(),
      draw: () => this.page.draw(),
      copy: () => this.actions.copy(),
      csv: () => this.actions.save("csv", "text/csv", table.toCsv),
      json: () => this.actions.save("json", "application/json", table.toJson),
      clear: () => this.actions.clear(),
      tryNow: () => this.queue.resume(),
      retry: () => this.queue.retry([this.chosen]),
      retryAll: () => this.queue.retry(this.stack.sheets.filter(({ state }) => state === "failed")),
      remove: () => this.actions.remove(),
      page: (step) => this.showPage(this.pageIndex + step),
      zoom: (step) => this.zoom(step),
      turn: () => this.pictureChanges.turn(),
      crop: () => this.pictureChanges.crop(),
      next: () => this.corrections.goToDoubtful(1, { everywhere: true }),
      undo: () => this.undo(),
      giveBack: (isOn) => this.turnGivingBack(isOn),
    };
  }

  /** Loads the stack. If another tab works on it, this one has a stack of its own until that tab is closed. */
  async open() {
    this.askForCorrections();
    if (await claimLock({ ifAvailable: true })) return this.load();
    this.isElsewhere = true;
    this.onList();
    this.status.showNotice();
    claimLock().then(() => this.load());
  }

  async load() {
    this.isElsewhere = false;
    await this.stack.load(this.store);
    this.status.showNotice();
    this.queue.run();
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

  /** Whether nothing here is worth showing: neither sheets, nor one to bring back, nor where they are. */
  get isEmpty() {
    return this.stack.sheets.length === 0 && this.history.empty && !this.isElsewhere;
  }

  /** What becomes of pictures while the service reads them. */
  privacyMessage(isShown) {
    if (this.givingBack.hasGiven) return "keptCorrections";
    return isShown ? "keptHere" : "notStored";
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
    parts.undo.disabled = this.history.empty;
    if (!chosen) return;
    parts.name.textContent = chosen.name;
    const [title, detail] = chosen.problem ? translateProblem(chosen.problem) : [stateText(chosen), ""];
    parts.state.textContent = [title, detail].filter(Boolean).join(": ");
    parts.state.dataset.state = chosen.state;
    parts.retry.hidden = chosen.state !== "failed";
    parts.pages.hidden = chosen.pages.length < 2;
    parts.page.textContent = translate("pageOf", { number: this.pageIndex + 1, count: chosen.pages.length });
    for (const control of parts.pictureButtons.children) control.disabled = !chosen.size;
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
    else if (key === "n") this.corrections.goToDoubtful(1, { everywhere: true });
    else if (key === "p") this.corrections.goToDoubtful(-1, { everywhere: true });
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  async undo() {
    const undone = await this.history.undo();
    if (!undone) return;
    await this.choose(undone.sheet, undone.key);
    this.status.announce(translate("saidUndone"));
  }

  // --- giving back ---

  async askForCorrections() {
    const state = await health({ apiKey: this.page.apiKey() }).catch(() => null);
    if (state) this.parts.giveBack.hidden = !state.corrections;
  }

  turnGivingBack(isOn) {
    this.givingBack.turn(isOn);
    this.onGivenBack();
  }

  onGivenBack() {
    this.status.showGivenBack();
    this.page.onPrivacy();
  }
}
