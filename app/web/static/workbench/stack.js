// The stack of sheets: pictures and documents in the order in which they came, each with its reading and corrections.
//
// waiting -> uploading -> reading -> read
//                |           |
//                +-----------+-> waiting (the service is away) or failed (this file cannot be read)

import { MemoryStore } from "./sheet_store.js";

const OPEN_FLAG = "digits.stack"; // in localStorage: the page then opens the stack at once

/** What a sheet is once it is written down; everything else of it belongs to this visit. */
const SAVED = "id name bytes state problem model pages edits prepared size thumbnail upright".split(" ");

/**
 * Emits "list" when sheets come or go, and "sheet" with a sheet in `detail` when that one changes.
 *
 * A sheet: `id`; `name` and `bytes` of its file; `state`; `problem` if it failed; `pages` with their `lines` once it is
 * read; `edits` by line; `prepared` once its picture is shrunk; `size` [width, height] if the browser can show it.
 */
export class Stack extends EventTarget {
  constructor() {
    super();
    this.store = new MemoryStore();
    this.sheets = [];
    this.nextId = Date.now(); // greater than those of the sheets that other tabs have stored
    this.writeFailed = false;
  }

  /** Takes over what `store` keeps, in front of the sheets that are here already, and keeps those in it too. */
  async load(store) {
    const stored = await store.sheets();
    for (const sheet of stored) if (isUnderWay(sheet)) sheet.state = "waiting"; // the tab was closed meanwhile
    const added = this.sheets;
    this.store = store;
    this.sheets = [...stored, ...added];
    this.nextId = Math.max(this.nextId, ...stored.map(({ id }) => id + 1));
    this.listChanged();
    for (const sheet of added) await this.update(sheet, {}, sheet.picture);
  }

  /** Adds files at the end. Each is written down before it is read, so a crash loses none. */
  async add(files) {
    const added = files.map((file) => ({ sheet: this.newSheet(file), file }));
    this.sheets.push(...added.map(({ sheet }) => sheet));
    this.listChanged();
    for (const { sheet, file } of added) await this.write(sheet, file);
  }

  newSheet({ name, size }) {
    return { id: this.nextId++, name, bytes: size, state: "storing", edits: {}, pages: [], progress: 0 };
  }

  async write(sheet, file) {
    sheet.picture = file; // until it is stored, and if it cannot be
    const isReadable = await file
      .slice(0, 1)
      .arrayBuffer()
      .catch(() => null); // folders and lost files are not
    if (!isReadable) await this.update(sheet, { state: "failed", problem: unreadable() });
    else if (file.size === 0) await this.update(sheet, { state: "failed", problem: emptyFile() });
    else await this.update(sheet, { state: "waiting" }, file);
  }

  pictureOf(sheet) {
    return sheet.picture ?? this.store.picture(sheet.id);
  }

  /** The signal of new work on a sheet. It ends the work before, whose result is no longer of this picture. */
  begin(sheet) {
    this.stop(sheet);
    sheet.controller = new AbortController();
    return sheet.controller.signal;
  }

  stop(sheet) {
    sheet.controller?.abort();
  }

  /** As `update`; what is under way with the sheet as it was ends. */
  replace(sheet, changes, picture) {
    this.stop(sheet);
    return this.update(sheet, changes, picture);
  }

  /** Changes members of a sheet, and its picture if one is given, and writes them down. */
  async update(sheet, changes, picture) {
    Object.assign(sheet, changes, picture && { picture }); // before it is told: others take it at once
    this.sheetChanged(sheet);
    if (!this.sheets.includes(sheet)) return; // it was removed meanwhile
    try {
      await this.store.put(savedPart(sheet), picture);
      if (this.store.persistent && sheet.picture === picture) delete sheet.picture;
    } catch {
      this.writeFailed = true; // the storage is full: the page says so, and goes on in memory
      this.sheetChanged(sheet);
    }
  }

  /** Members of this visit alone, such as the progress of an upload. */
  show(sheet, changes) {
    Object.assign(sheet, changes);
    this.sheetChanged(sheet);
  }

  /** Resolves to a function that puts the sheet back where it was. */
  async remove(sheet) {
    const picture = await this.pictureOf(sheet);
    this.sheets.splice(this.sheets.indexOf(sheet), 1);
    this.stop(sheet);
    this.listChanged();
    await this.store.remove([sheet.id]);
    return async () => {
      if (isUnderWay(sheet)) sheet.state = "waiting";
      this.sheets.push(sheet);
      this.sheets.sort((one, other) => one.id - other.id);
      this.listChanged();
      await this.update(sheet, {}, picture);
    };
  }

  async clear() {
    const sheets = this.sheets;
    this.sheets = [];
    for (const sheet of sheets) this.stop(sheet);
    this.listChanged();
    await this.store.remove(sheets.map(({ id }) => id));
    this.writeFailed = false;
  }

  listChanged() {
    if (this.store.persistent) this.markStored();
    this.dispatchEvent(new Event("list"));
  }

  markStored() {
    if (this.sheets.length) localStorage.setItem(OPEN_FLAG, "open");
    else localStorage.removeItem(OPEN_FLAG);
  }

  sheetChanged(sheet) {
    this.dispatchEvent(new CustomEvent("sheet", { detail: sheet }));
  }
}

function isUnderWay({ state }) {
  return ["storing", "uploading", "reading"].includes(state);
}

function savedPart(sheet) {
  const saved = Object.fromEntries(SAVED.map((member) => [member, sheet[member]]));
  return { ...saved, state: isUnderWay(sheet) ? "waiting" : sheet.state };
}

export function unreadable() {
  return { type: "urn:digits:problem:file-unreadable", title: "The file cannot be opened", detail: "Choose it again." };
}

function emptyFile() {
  return { type: "urn:digits:problem:file-empty", title: "The file is empty", detail: "It has no bytes." };
}
