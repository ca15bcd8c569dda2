// A rectangle on the picture, drawn with the pointer or moved with the arrow keys: the part that is kept.

import { translatePage } from "../translations.js";
import { button, element } from "./elements.js";

const KEY_STEP = 0.02; // of the picture's width and height
const LEAST = 0.02;
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export class CropBox {
  /** `stage`: the element that the rectangle lies on; `message`: of its name. `onend(box)`: shares of the stage's width and height, or null if the user gave up. */
  constructor(stage, message, onend) {
    this.stage = stage;
    this.onend = onend;
    this.box = [0.1, 0.1, 0.8, 0.8];
    this.start = null;
    this.root = element("div", {
      className: "crop-box",
      tabIndex: 0,
      data: { sayLabel: message },
      attributes: { role: "application" },
      onkeydown: (event) => this.onKeyDown(event),
    });
    const tools = element(
      "div",
      { className: "crop-tools" },
      button("useBox", () => this.end(this.box)),
      button("cancel", () => this.end(null)),
    );
    this.cover = element("div", { className: "crop-cover" }, this.root, tools);
    this.cover.addEventListener("mousedown", (event) => event.preventDefault()); // it would take the focus away
    this.cover.addEventListener("pointerdown", (event) => this.onPointerDown(event));
    this.cover.addEventListener(
      "pointermove",
      (event) => this.start && this.show(between(this.start, this.pointOf(event))),
    );
    this.cover.addEventListener("pointerup", () => {
      this.start = null;
    });
    stage.append(this.cover);
    translatePage();
    this.show(this.box);
    this.root.focus();
  }

  end(box) {
    this.cover.remove();
    this.onend(box);
  }

  show(box) {
    const [left, top, width, height] = box;
    this.box = [left, top, Math.max(width, LEAST), Math.max(height, LEAST)];
    for (const [i, side] of ["left", "top", "width", "height"].entries())
      this.root.style[side] = `${100 * this.box[i]}%`;
  }

  onPointerDown(event) {
    if (event.target.closest("button")) return;
    this.cover.setPointerCapture(event.pointerId);
    this.start = this.pointOf(event);
    this.root.focus();
  }

  pointOf({ clientX, clientY }) {
    const { left, top, width, height } = this.stage.getBoundingClientRect();
    return [share((clientX - left) / width), share((clientY - top) / height)];
  }

  /** The arrow keys move the rectangle; with Shift they change its size. */
  onKeyDown(event) {
    event.stopPropagation();
    if (event.key === "Enter") this.end(this.box);
    else if (event.key === "Escape") this.end(null);
    else if (event.key in ARROWS) this.move(ARROWS[event.key], event.shiftKey);
    else return;
    event.preventDefault();
  }

  move([x, y], resizes) {
    const [left, top, width, height] = this.box;
    const [dx, dy] = [x * KEY_STEP, y * KEY_STEP];
    if (resizes) this.show([left, top, Math.min(width + dx, 1 - left), Math.min(height + dy, 1 - top)]);
    else this.show([clamp(left + dx, 1 - width), clamp(top + dy, 1 - height), width, height]);
  }
}

function between([x, y], [otherX, otherY]) {
  return [Math.min(x, otherX), Math.min(y, otherY), Math.abs(otherX - x), Math.abs(otherY - y)];
}

function share(value) {
  return clamp(value, 1);
}

function clamp(value, most) {
  return Math.min(Math.max(value, 0), most);
}
