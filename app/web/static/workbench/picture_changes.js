// Turning and cropping the picture of the chosen sheet, and drawing a field on it.

import { translate } from "../translations.js";
import { CropBox } from "./crop_box.js";
import { change } from "./shrink.js";
import { documentBox } from "./template.js";
import { turnedBox, turnedSize } from "./turning.js";

const UNREAD = { state: "waiting", prepared: false, pages: [], edits: {}, upright: true, problem: null, tries: 0 };
const CHANGED = ["prepared", "pages", "edits", "size", "thumbnail", "upright", "problem"]; // brought back by undo

export class PictureChanges {
  /** `bench`: the workbench, with its chosen sheet, its stack, view and history. */
  constructor(bench) {
    this.bench = bench;
    this.last = Promise.resolve(); // one change after the other: each is of what the one before it made
  }

  /** By 90 degrees clockwise, from how the picture is shown. */
  turn() {
    const { degrees } = this.bench.view;
    return this.change((sheet) => ({ degrees: ((sheet.upright ? 0 : degrees) + 270) % 360 }));
  }

  crop() {
    const { degrees } = this.bench.view;
    this.drawBox("cropArea", "cropHelp", (box) => {
      const pixels = this.boxOfPicture(box);
      this.change(() => ({ degrees, box: pixels }));
    });
  }

  drawField() {
    const { view, template } = this.bench;
    this.drawBox("fieldArea", "fieldHelp", ([left, top, width, height]) => {
      const [fullWidth, fullHeight] = turnedSize(view.size, view.degrees);
      const box = [left * fullWidth, top * fullHeight, width * fullWidth, height * fullHeight];
      template.addField(documentBox(box, [fullWidth, fullHeight], view.shownOutline()));
    });
  }

  /** Lets the user draw a rectangle on the picture. `onbox(box)`: in shares of the picture as it is shown. */
  drawBox(area, help, onbox) {
    const { bench } = this;
    const { view, chosen } = bench;
    if (!view.size || view.root.querySelector(".crop-cover")) return;
    const crop = new CropBox(view.stage, area, (box) => {
      view.root.focus();
      bench.showState();
      if (box && bench.chosen === chosen) onbox(box);
    });
    crop.root.ariaLabel = translate(area);
    bench.status.announce(translate(help));
    bench.parts.state.textContent = translate(help);
  }

  /** From shares of the picture as it is shown to pixels of the picture. */
  boxOfPicture([left, top, width, height]) {
    const { size, degrees } = this.bench.view;
    const shown = turnedSize(size, degrees);
    const box = [left * shown[0], top * shown[1], width * shown[0], height * shown[1]];
    return turnedBox(box, shown, (360 - degrees) % 360).map(Math.round);
  }

  /** The changed picture is read again. Undo brings back the picture, its reading and its corrections. */
  change(optionsOf) {
    const { chosen: sheet } = this.bench;
    this.last = this.last.then(() => this.changeNow(sheet, optionsOf(sheet)));
    return this.last;
  }

  async changeNow(sheet, options) {
    const { stack, history } = this.bench;
    const picture = await stack.pictureOf(sheet);
    const changed = picture && (await change(picture, options).catch(() => null));
    if (!changed || !stack.sheets.includes(sheet)) return; // it was removed meanwhile
    const before = Object.fromEntries(CHANGED.map((member) => [member, sheet[member]]));
    const state = sheet.state === "read" || sheet.state === "failed" ? sheet.state : "waiting";
    history.add(async () => {
      await stack.replace(sheet, { ...before, state }, picture);
      return { sheet };
    });
    await stack.replace(sheet, UNREAD, changed);
  }
}
