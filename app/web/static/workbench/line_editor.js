// The lines of the chosen sheet, and the panel in which one of them is corrected.

import { formatPercent, translate } from "../translations.js";
import { element } from "./elements.js";
import { doubtfulRange, isDoubtfulSign } from "./lines.js";

const MOST_CHOICES = 5;
const SIGN_KEYS = /^([0-9]|i|Insert|Delete|Escape)$/; // once a sign is chosen

export class LineEditor {
  /**
   * `onmove(key)`: another line is the current one; `oncommit(key, text, {stays})`: the user accepts this text for a
   * line, and goes on unless it `stays`; `onpoint(key)`: the pointer is on a line, or on none (null);
   * `onsay(text)`: for screen readers; `drawStrip(canvas, box)`: draws the line's picture.
   */
  constructor(callbacks) {
    Object.assign(this, callbacks);
    this.lines = [];
    this.currentKey = null;
    this.range = null; // of the text of the current line that typing in the field replaces
    this.shown = {}; // the line whose text the field was given: what is typed there stays as long as it is the same
    this.cursor = null; // of the sign that a digit replaces, once one is chosen with the arrow keys, or of the text's end
    this.isInserting = false; // whether the next digits stand before that sign instead
    this.makePanel();
    this.list = element("ol", {
      id: "line-list",
      tabIndex: 0,
      data: { sayLabel: "lines" },
      attributes: { role: "listbox" },
    });
    this.list.addEventListener("click", ({ target }) => this.onClick(target));
    this.list.addEventListener("dblclick", () => this.edit());
    this.list.addEventListener("keydown", (event) => this.onKeyDown(event));
    this.list.addEventListener("pointerover", ({ target }) => this.onpoint(target.closest("li")?.dataset.key ?? null));
    this.list.addEventListener("pointerleave", () => this.onpoint(null));
  }

  makePanel() {
    this.title = element("h3", { id: "line-title" });
    this.strip = element("canvas", { className: "strip", ariaHidden: "true" });
    this.choices = element("div", { className: "choices" });
    this.field = element("input", { id: "line-field", autocomplete: "off", spellcheck: false, inputMode: "decimal" });
    const label = element("label", { className: "unseen", htmlFor: "line-field", data: { say: "typeOver" } });
    const accept = element("button", { data: { say: "acceptLine" } });
    this.form = element("form", { className: "type-over" }, label, this.field, accept);
    this.form.addEventListener("submit", (event) => this.onSubmit(event));
    this.field.addEventListener("keydown", (event) => this.onFieldKey(event));
    this.panel = element(
      "div",
      { id: "line-panel", attributes: { role: "group", "aria-labelledby": "line-title" } },
      this.title,
      this.strip,
      this.choices,
      this.form,
    );
  }

  /** Shows the lines of a sheet. The current line stays, if it still exists. */
  show(lines, currentKey) {
    this.lines = lines;
    this.list.replaceChildren(...lines.map(lineOption));
    this.setCurrent(lines.some(({ key }) => key === currentKey) ? currentKey : (lines[0]?.key ?? null));
  }

  get current() {
    return this.lines.find(({ key }) => key === this.currentKey);
  }

  setCurrent(key) {
    this.hideCursor();
    this.isInserting = false;
    this.currentKey = key;
    for (const option of this.list.children) option.ariaSelected = String(option.dataset.key === key);
    const option = this.list.querySelector('[aria-selected="true"]');
    if (option) this.list.setAttribute("aria-activedescendant", option.id);
    else this.list.removeAttribute("aria-activedescendant");
    option?.scrollIntoView({ block: "nearest" });
    this.showPanel();
  }

  showPanel() {
    const line = this.current;
    this.panel.hidden = !line;
    if (!line) return;
    const { reading, text, number } = line;
    this.cursor = null;
    this.range = text === reading.text ? doubtfulRange(reading) : null;
    const name = reading.name ?? translate("lineNumber", { number });
    this.title.textContent = `${name} · ${statusText(line)}`;
    if (this.shown.reading !== reading || this.shown.text !== text) this.field.value = text;
    this.shown = { reading, text };
    this.field.ariaLabel = translate("textOf", { name });
    this.choices.replaceChildren(...alternativesOf(line).map((choice, index) => this.choiceButton(choice, index)));
    this.drawStrip(this.strip, reading.box);
  }

  choiceButton({ text, probability }, index) {
    const isChosen = text === this.current.text;
    const members = { type: "button", ariaPressed: String(isChosen), onclick: () => this.commit(text) };
    const key = element("kbd", { textContent: index + 1 });
    const shown = text || translate("emptyText");
    const percent = element("small", { textContent: formatPercent(probability, 1) });
    return element("button", members, key, element("span", { className: "choice", textContent: shown }), percent);
  }

  // --- input ---

  onClick(target) {
    const option = target.closest("li");
    if (option) this.onmove(option.dataset.key);
  }

  onKeyDown(event) {
    const { key, ctrlKey, altKey, metaKey } = event;
    if (ctrlKey || altKey || metaKey || !this.current) return;
    const steps = {
      ArrowDown: 1,
      ArrowUp: -1,
      PageDown: 10,
      PageUp: -10,
      Home: -this.lines.length,
      End: this.lines.length,
    };
    if (this.cursor !== null && SIGN_KEYS.test(key)) this.onSignKey(key);
    else if (key in steps) this.move(steps[key]);
    else if (key === "ArrowLeft" || key === "ArrowRight") this.moveCursor(key === "ArrowLeft" ? -1 : 1);
    else if (key === "Enter") this.commit(this.current.text);
    else if (key === "e" || key === "F2") this.edit();
    else if (/^[1-9]$/.test(key)) this.chooseNumber(Number(key));
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  onSignKey(key) {
    if (key === "Escape") return this.setCurrent(this.currentKey);
    if (key !== "i" && key !== "Insert") return this.replaceSign(key === "Delete" ? "" : key);
    this.isInserting = true;
    this.showCursor(this.cursor);
  }

  move(step) {
    const index = this.lines.indexOf(this.current);
    this.onmove(this.lines[Math.min(Math.max(index + step, 0), this.lines.length - 1)].key);
  }

  /** The first step chooses the doubtful sign, if there is one. From then on a digit replaces the chosen sign. */
  moveCursor(step) {
    const last = this.current.text.length - 1;
    const first = this.range?.[0] ?? (step > 0 ? 0 : last);
    this.isInserting = false;
    this.showCursor(this.cursor === null ? first : this.cursor + step);
  }

  /** At the end of the text, digits are appended. */
  showCursor(position) {
    const { text } = this.current;
    if (position < 0 || position > text.length) return;
    this.cursor = position;
    this.range = [position, Math.min(position + 1, text.length)];
    const sign = text.slice(...this.range);
    const className = this.isInserting || !sign ? "cursor inserting" : "cursor";
    const parts = [
      text.slice(0, position),
      element("span", { className, textContent: sign }),
      text.slice(position + 1),
    ];
    this.list.querySelector('[aria-selected="true"] .line-text').replaceChildren(...parts);
    const said = this.isInserting ? "saidBefore" : "saidSign";
    this.onsay(translate(sign ? said : "saidEnd", { sign, position: position + 1 }));
  }

  hideCursor() {
    const text = this.list.querySelector(".cursor")?.parentElement;
    if (text) text.replaceChildren(...markedText(this.current));
  }

  /** `sign`: what takes the place of the chosen sign, or stands before it; empty to remove it. */
  replaceSign(sign) {
    const { cursor, isInserting } = this;
    const { text } = this.current;
    const isAdded = isInserting || cursor === text.length;
    const rest = text.slice(isInserting && sign ? cursor : cursor + 1);
    this.oncommit(this.currentKey, text.slice(0, cursor) + sign + rest, { stays: true });
    this.isInserting = isInserting;
    const last = this.current.text.length - (isAdded ? 0 : 1);
    this.showCursor(Math.min(cursor + sign.length, last));
  }

  chooseNumber(number) {
    const choice = alternativesOf(this.current)[number - 1];
    if (choice) this.commit(choice.text);
  }

  /** Goes to the field, where typing replaces the chosen or the first doubtful sign, else the whole text. */
  edit() {
    if (!this.current) return;
    this.field.focus();
    this.field.setSelectionRange(...(this.range ?? [0, this.field.value.length]));
  }

  onSubmit(event) {
    event.preventDefault();
    this.commit(this.field.value.trim());
    this.list.focus();
  }

  onFieldKey(event) {
    event.stopPropagation(); // letters are text here, not commands
    if (event.key !== "Escape") return;
    this.field.value = this.current.text;
    this.list.focus();
  }

  commit(text) {
    this.shown = {}; // what is typed is done with
    this.oncommit(this.currentKey, text, { stays: false });
  }
}

/** The likeliest readings; the first is what the service answered. */
function alternativesOf({ reading }) {
  return reading.alternatives.slice(0, MOST_CHOICES);
}

function lineOption(line) {
  const { key, number, reading, status } = line;
  const name = element("span", { className: "line-number", textContent: reading.name ?? number });
  const text = element("span", { className: "line-text" }, ...markedText(line));
  const state = element("span", { className: "line-confidence", textContent: statusText(line) });
  const option = element(
    "li",
    { id: `line-${key.replace(":", "-")}`, className: status, data: { key } },
    name,
    text,
    state,
  );
  option.setAttribute("role", "option");
  option.setAttribute("aria-description", status === "doubtful" ? doubtsOf(reading) : "");
  return option;
}

/** The text of a line; its doubtful signs are marked until a person has settled it. */
function markedText({ text, reading, status }) {
  if (status !== "doubtful" || !reading.signs.length) return [text];
  return reading.signs.map((sign) => {
    if (!isDoubtfulSign(sign)) return sign.text;
    const className = sign.kind === "other" ? "unknown" : "";
    return element("mark", { className, textContent: sign.text, title: doubtOf(sign) });
  });
}

function doubtsOf({ signs }) {
  return signs.filter(isDoubtfulSign).map(doubtOf).join(", ");
}

function doubtOf({ kind, text, confidence, struck }) {
  if (kind === "other") return translate("unknownSign");
  const sign = kind === "space" ? translate("space") : text;
  if (struck) return translate("struckSign", { sign });
  return translate("unsureSign", { sign, percent: formatPercent(confidence, 1) });
}

function statusText({ reading, status }) {
  if (status === "accepted" || status === "corrected") return translate(status);
  const percent = formatPercent(reading.confidence, 1);
  return status === "sure" ? percent : translate("unsure", { percent });
}
