// The list of the stack's sheets: thumbnail, name and state of each. One of them is chosen and shown beside it.

import { formatPercent, translate, translateProblem } from "../translations.js";
import { element } from "./elements.js";
import { isDoubtful, linesOf } from "./lines.js";

const KEY_STEPS = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1, PageDown: 8, PageUp: -8 };

export class StackList {
  /** `onchoose(sheet)`: the user has chosen a sheet; `onopen()`: goes on to its lines. */
  constructor({ onchoose, onopen }) {
    this.onchoose = onchoose;
    this.onopen = onopen;
    this.sheets = [];
    this.items = new Map(); // sheet -> its parts on the page
    this.chosen = null;
    this.root = element("ul", {
      id: "stack",
      tabIndex: 0,
      data: { sayLabel: "stackList" },
      attributes: { role: "listbox" },
    });
    this.root.addEventListener("click", ({ target }) => this.onClick(target));
    this.root.addEventListener("keydown", (event) => this.onKeyDown(event));
  }

  /** Shows these sheets; those that were there keep their elements. */
  showAll(sheets) {
    this.sheets = sheets;
    for (const sheet of this.items.keys()) if (!sheets.includes(sheet)) this.items.delete(sheet);
    for (const sheet of sheets) if (!this.items.has(sheet)) this.items.set(sheet, makeItem(sheet));
    this.root.replaceChildren(...sheets.map((sheet) => this.items.get(sheet).item));
    for (const sheet of sheets) this.show(sheet);
    this.mark();
  }

  /** Shows a sheet's present state. */
  show(sheet) {
    const parts = this.items.get(sheet);
    if (!parts) return;
    const text = stateText(sheet);
    if (parts.state.textContent !== text) parts.state.textContent = text;
    parts.item.dataset.state = sheetClass(sheet);
    parts.bar.style.transform = `scaleX(${sheet.state === "uploading" ? sheet.progress : 0})`;
    showThumbnail(sheet, parts);
  }

  choose(sheet) {
    this.chosen = sheet;
    this.mark();
    this.items.get(sheet)?.item.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  mark() {
    for (const [sheet, { item }] of this.items) item.ariaSelected = String(sheet === this.chosen);
    const id = this.items.get(this.chosen)?.item.id;
    if (id) this.root.setAttribute("aria-activedescendant", id);
    else this.root.removeAttribute("aria-activedescendant");
  }

  onClick(target) {
    const item = target.closest("li");
    if (item) this.onchoose(this.sheets.find((sheet) => this.items.get(sheet).item === item));
  }

  onKeyDown(event) {
    const { key, ctrlKey, altKey, metaKey } = event;
    if (ctrlKey || altKey || metaKey) return;
    const last = this.sheets.length - 1;
    const index = this.sheets.indexOf(this.chosen);
    if (key === "Enter") this.onopen();
    else if (key === "Home") this.onchoose(this.sheets[0]);
    else if (key === "End") this.onchoose(this.sheets[last]);
    else if (key in KEY_STEPS) this.onchoose(this.sheets[Math.min(Math.max(index + KEY_STEPS[key], 0), last)]);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}

function makeItem(sheet) {
  const thumbnail = element("canvas", { width: 1, height: 1, ariaHidden: "true" });
  const state = element("span", { className: "state" });
  const bar = element("span", { className: "upload-bar", ariaHidden: "true" });
  const name = element("span", { className: "name", textContent: sheet.name, title: sheet.name });
  const texts = element("span", { className: "texts" }, name, state);
  const item = element("li", { id: `sheet-${sheet.id}`, attributes: { role: "option" } }, thumbnail, texts, bar);
  return { item, thumbnail, state, bar };
}

async function showThumbnail(sheet, parts) {
  if (!sheet.thumbnail || parts.shown === sheet.thumbnail) return;
  parts.shown = sheet.thumbnail;
  const bitmap = await createImageBitmap(sheet.thumbnail).catch(() => null);
  if (!bitmap) return;
  Object.assign(parts.thumbnail, { width: bitmap.width, height: bitmap.height });
  parts.thumbnail.getContext("2d").drawImage(bitmap, 0, 0);
  bitmap.close();
}

function sheetClass(sheet) {
  if (sheet.state !== "read") return sheet.state;
  return linesOf(sheet).some(isDoubtful) ? "doubtful" : "done";
}

/** What happens with a sheet, in words. */
export function stateText(sheet) {
  if (sheet.state === "failed") return translateProblem(sheet.problem)[0];
  if (sheet.state === "uploading") return uploadText(sheet);
  if (sheet.state === "read") return readText(sheet);
  const messages = { storing: "sheetPreparing", reading: "sheetReading", waiting: "sheetWaiting" };
  return translate(sheet.state === "waiting" && !sheet.prepared ? "sheetPreparing" : messages[sheet.state]);
}

function uploadText({ progress, isCopy }) {
  return translate(isCopy ? "copyUploading" : "sheetUploading", { percent: formatPercent(progress, 0) });
}

function readText(sheet) {
  const lines = linesOf(sheet);
  const count = lines.filter(isDoubtful).length;
  if (lines.length === 0) return translate("sheetEmpty");
  const total = translate(lines.length === 1 ? "oneLine" : "manyLines", { count: lines.length });
  return count ? `${total} · ${translate("doubtfulCount", { count })}` : `${total} ✓`;
}
