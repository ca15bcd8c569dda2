// The picture of a sheet, with outlines around its lines and bars below doubtful signs. They keep clear of the ink, and
// texts stand beside the picture: nothing covers a digit.

import { translate } from "../translations.js";
import { element, svgElement } from "./elements.js";
import { isDoubtfulSign } from "./lines.js";
import { scannedPages } from "./scanned_pages.js";
import { turnContext, turnedBox, turnedPoint, turnedSize } from "./turning.js";

const ZOOMS = [1, 1.5, 2, 3, 4, 6];
const GAP = 0.14; // between a line's ink and its outline, as a share of the line's height
const MOST_GAP = 16; // pixels of the picture: of the tall fields of forms
const LEAST_GAP = 5; // pixels of the screen

export class SheetView {
  /** `online(key)`: the user points at a line of the picture and chooses it. */
  constructor({ online }) {
    this.online = online;
    this.zoom = 1;
    this.scale = 1; // pixels of the screen for one of the picture
    this.canvas = element("canvas", { attributes: { role: "img" } });
    this.overlay = svgElement("svg", { "aria-hidden": "true", preserveAspectRatio: "none" });
    this.note = element("p", { className: "picture-note" });
    this.stage = element("div", { className: "stage" }, this.canvas, this.overlay);
    this.root = element(
      "div",
      { id: "picture", tabIndex: 0, data: { sayLabel: "pictureArea" }, attributes: { role: "group" } },
      this.stage,
    );
    this.overlay.addEventListener("click", ({ target }) => target.dataset.line && this.online(target.dataset.line));
    new ResizeObserver(() => this.layOut()).observe(this.root);
    this.clear();
  }

  clear() {
    this.bitmap?.close();
    Object.assign(this, { request: null, sheet: null, bitmap: null, size: null, unit: 1, degrees: 0, lines: [] });
    this.stage.hidden = true;
    this.note.textContent = "";
  }

  /** Shows a page of a sheet. `picture`: its file. Another call meanwhile takes its place. */
  async show(sheet, picture, pageIndex) {
    this.request = Symbol("request");
    const { request } = this;
    const bitmap = await bitmapOf(sheet, picture, pageIndex);
    if (request !== this.request) return bitmap?.close();
    if (sheet !== this.sheet) this.stage.querySelector(".crop-cover")?.remove(); // it was drawn on another picture
    this.clear();
    this.bitmap = bitmap;
    this.place(sheet, sheet.pages[pageIndex]);
    this.note.textContent = bitmap || !sheet.prepared ? "" : translate("notShown", { name: sheet.name });
    this.canvas.ariaLabel = translate("pictureOf", { name: sheet.name });
    if (this.size) this.draw();
  }

  /** `unit`: pixels of the picture for one of the page, of which a document's picture may have more. */
  place(sheet, page) {
    const { bitmap } = this;
    this.sheet = sheet;
    this.size = bitmap ? [bitmap.width, bitmap.height] : (page?.size ?? null);
    this.unit = bitmap && page?.size ? bitmap.width / page.size[0] : 1;
    this.degrees = bitmap && !sheet.upright ? (page?.turned ?? 0) : 0;
    this.outline = page?.outline ?? null;
    this.stage.hidden = !this.size;
  }

  draw() {
    const [width, height] = turnedSize(this.size, this.degrees);
    Object.assign(this.canvas, { width, height });
    const context = this.canvas.getContext("2d", { alpha: false });
    context.fillStyle = "#fff";
    context.fillRect(0, 0, width, height);
    turnContext(context, this.size, this.degrees);
    if (this.bitmap) context.drawImage(this.bitmap, 0, 0);
    context.resetTransform();
    this.overlay.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.layOut();
  }

  /** `lines`: of the page that is shown. */
  showLines(lines, currentKey) {
    Object.assign(this, { lines, currentKey });
    if (!this.size) return this.overlay.replaceChildren();
    const boxes = lines.flatMap((line) => [this.lineBox(line, currentKey), ...this.signBars(line)]);
    const texts = this.bitmap ? [] : lines.map((line) => this.lineText(line));
    this.overlay.replaceChildren(...this.sheetOutline(), ...boxes, ...texts);
  }

  /** Brings a line into view. */
  reveal(key) {
    const target = this.overlay.querySelector(`[data-line="${key}"]`);
    target?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  /** Lights up the outline of one line: the pointer is on the line's text. */
  light(key) {
    for (const box of this.overlay.querySelectorAll("[data-line]")) {
      box.classList.toggle("lit", box.dataset.line === key);
    }
  }

  lineBox({ key, reading, status }, currentKey) {
    const className = `line-outline ${status}${key === currentKey ? " current" : ""}`;
    return svgElement("rect", { class: className, "data-line": key, ...rectangle(this.roomy(reading.box)) });
  }

  /** A bar below each doubtful sign, between its ink and the line's outline. */
  signBars({ key, reading, status }) {
    const doubtful = status === "doubtful" ? reading.signs.filter(isDoubtfulSign) : [];
    const gap = this.gapOf(reading.box);
    return doubtful.map(({ box }) => {
      const [left, top, width, height] = this.shown(box);
      const bar = { x: left, y: top + height + 0.25 * gap, width, height: 0.4 * gap };
      return svgElement("rect", { class: "sign-bar", "data-line": key, ...bar });
    });
  }

  /** Where the picture cannot be shown, the texts stand in their places. */
  lineText({ text, reading: { box } }) {
    const [left, top, width, height] = box;
    const attributes = {
      x: left,
      y: top + height,
      "font-size": height,
      textLength: width,
      lengthAdjust: "spacingAndGlyphs",
    };
    return svgElement("text", attributes, text);
  }

  sheetOutline() {
    const corners = this.shownOutline();
    return corners ? [svgElement("polygon", { points: corners.join(" ") })] : [];
  }

  /** The corners of the sheet of paper on the picture as it is shown; null if none was found. */
  shownOutline() {
    const corners = this.outline?.map((corner) => corner.map((value) => value * this.unit));
    return corners?.map((corner) => turnedPoint(corner, this.size, this.degrees)) ?? null;
  }

  /** The box as it is shown, with a gap around it. */
  roomy(box, share = 1) {
    const [left, top, width, height] = this.shown(box);
    const gap = share * this.gapOf(box);
    return [left - gap, top - gap, width + 2 * gap, height + 2 * gap];
  }

  shown(box) {
    const onPicture = box.map((value) => value * this.unit);
    return turnedBox(onPicture, this.size, this.degrees);
  }

  /** In pixels of the picture; on the screen it is never so small that the outline would cover the ink. */
  gapOf(box) {
    const [, , , height] = this.shown(box);
    return Math.max(Math.min(GAP * height, MOST_GAP), LEAST_GAP / this.scale);
  }

  /** Draws a line of the picture, enlarged, on another canvas. */
  drawStrip(canvas, box) {
    const [left, top, width, height] = this.bitmap ? this.roomy(box, 2) : [0, 0, 0, 0];
    canvas.hidden = width === 0;
    if (canvas.hidden) return;
    Object.assign(canvas, { width: Math.ceil(width), height: Math.ceil(height) });
    canvas.getContext("2d").drawImage(this.canvas, left, top, width, height, 0, 0, canvas.width, canvas.height);
  }

  // --- size ---

  zoomBy(step) {
    const index = ZOOMS.indexOf(this.zoom) + step;
    this.zoom = ZOOMS[Math.min(Math.max(index, 0), ZOOMS.length - 1)];
    this.layOut();
  }

  /** At zoom 1 the whole picture is in view. */
  layOut() {
    if (!this.size) return;
    const [width, height] = turnedSize(this.size, this.degrees);
    const { clientWidth, clientHeight } = this.root;
    const scale = Math.min(clientWidth / width, clientHeight / height) * this.zoom;
    this.stage.style.width = `${Math.max(1, Math.floor(width * scale))}px`;
    this.stage.style.height = `${Math.max(1, Math.floor(height * scale))}px`;
    if (scale === this.scale) return;
    this.scale = scale || 1;
    this.showLines(this.lines, this.currentKey); // their gaps depend on the scale
  }
}

/** The picture itself, or that of a page of a scanned document; null if this browser can show neither. */
async function bitmapOf(sheet, picture, pageIndex) {
  const isDocument = sheet.pages[pageIndex]?.size;
  const shown = isDocument ? (await scannedPages(picture, sheet.pages))[pageIndex] : sheet.size && picture;
  return shown ? createImageBitmap(shown).catch(() => null) : null;
}

function rectangle([x, y, width, height]) {
  return { x, y, width, height, rx: Math.min(width, height) / 8 };
}
