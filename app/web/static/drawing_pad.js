// A sheet of paper: strokes drawn by hand, or a picture laid on it.

// MNIST's digits are 20 pixels high and their strokes 2 to 3 wide; several on a sheet are smaller.
const STROKE = { one: 0.07, several: 0.035 }; // of the sheet's height
const HEIGHT = 560;
const SENT_HEIGHT = 280; // pixels of the picture that is sent: the canvas is fine enough for a large screen
const STEP = 0.03; // of the sheet's height: how far an arrow key moves the pen
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/**
 * Draws on `canvas` and calls `onchange(done)`: false while a stroke is being drawn, true after it and after every
 * picture, undo and clear.
 * The paper is white and the ink black whatever the page's colours: it is a picture for the model.
 */
export class Pad {
  constructor(canvas, pen, onchange) {
    this.canvas = canvas;
    this.pen = pen; // shows where the arrow keys have moved it
    this.context = canvas.getContext("2d", { alpha: false });
    this.onchange = onchange;
    this.marks = []; // each a stroke {points} or a picture {file, bitmap}, oldest first
    this.pointer = null; // the one that draws; a second finger or a resting palm is ignored
    this.keys = { x: 0.5, y: 0.3, down: false }; // the pen that the keys move, as shares of width and height
    for (const [type, handler] of Object.entries(this.handlers())) canvas.addEventListener(type, handler);
    this.changeMode("one");
  }

  /** One digit, or several with thinner strokes. The sheet is a new one. */
  changeMode(mode) {
    this.mode = mode;
    this.marks = [];
    this.resize();
  }

  /** Makes the sheet as wide as its place on the page is, seen from its height. Whether it has changed. */
  resize() {
    const { width, clientWidth, clientHeight } = this.canvas;
    const fitting = Math.round((HEIGHT * clientWidth) / clientHeight);
    Object.assign(this.canvas, { width: fitting, height: HEIGHT });
    this.draw();
    return width !== fitting;
  }

  get empty() {
    return this.marks.length === 0;
  }

  /** The picture on top, or undefined if strokes are. */
  get picture() {
    return this.marks.at(-1)?.file;
  }

  /** False if a picture is on top that the browser cannot show. */
  get shown() {
    return this.marks.at(-1)?.bitmap !== null;
  }

  /** Lays a picture on the paper. One that the browser cannot show stays blank, and may yet be read by the service. */
  async show(file) {
    const bitmap = await createImageBitmap(file).catch(() => null);
    this.change(() => this.marks.push({ file, bitmap }));
  }

  undo() {
    if (!this.empty) this.change(() => this.marks.pop());
  }

  clear() {
    this.change(() => (this.marks = []));
  }

  /** What is on the paper: the picture's own file, or the strokes on a canvas. */
  content() {
    if (this.picture) return this.picture;
    const scale = SENT_HEIGHT / HEIGHT;
    const sheet = new OffscreenCanvas(this.canvas.width * scale, SENT_HEIGHT);
    sheet.getContext("2d").drawImage(this.canvas, 0, 0, sheet.width, sheet.height);
    return sheet;
  }

  /** Where a box [x, y, width, height] of `content()` lies: shares of the canvas's width and height. */
  place([x, y, width, height]) {
    const drawn = { left: 0, top: 0, scale: HEIGHT / SENT_HEIGHT };
    const { left, top, scale } = this.picture ? this.fit(this.marks.at(-1).bitmap) : drawn;
    const [w, h] = [this.canvas.width, this.canvas.height];
    return [(left + x * scale) / w, (top + y * scale) / h, (width * scale) / w, (height * scale) / h];
  }

  change(apply) {
    this.pointer = null; // a stroke under way ends here
    this.keys.down = false;
    apply();
    this.draw();
    this.onchange(true);
  }

  handlers() {
    return {
      pointerdown: (event) => this.down(event),
      pointermove: (event) => this.move(event),
      pointerup: (event) => this.up(event),
      pointercancel: (event) => this.up(event),
      lostpointercapture: (event) => this.up(event),
      keydown: (event) => this.key(event),
      focus: () => this.showPen(),
      blur: () => this.hidePen(),
    };
  }

  down(event) {
    if (this.pointer !== null || event.button !== 0) return;
    this.hidePen();
    this.keys.down = false;
    this.pointer = event.pointerId;
    this.canvas.setPointerCapture(event.pointerId);
    this.begin(this.point(event));
  }

  move(event) {
    if (event.pointerId !== this.pointer) return;
    const events = event.getCoalescedEvents?.() ?? [];
    this.extend((events.length ? events : [event]).map((each) => this.point(each)));
  }

  up(event) {
    if (event.pointerId === this.pointer) this.change(() => {});
  }

  begin(point) {
    this.marks.push({ points: [point] });
    this.draw();
  }

  extend(points) {
    this.marks.at(-1).points.push(...points);
    this.draw();
    this.onchange(false);
  }

  /** The arrow keys move the pen, Space puts it down and lifts it. */
  key(event) {
    if (event.key === " ") this.putOrLift();
    else if (event.key in ARROWS) this.moveByKey(ARROWS[event.key]);
    else return;
    event.preventDefault(); // else the page would scroll
    this.showPen();
  }

  putOrLift() {
    if (this.keys.down) {
      this.change(() => {});
    } else {
      this.keys.down = true;
      this.begin(this.keyPoint());
    }
  }

  moveByKey([x, y]) {
    const inside = (value) => Math.min(Math.max(value, 0), 1);
    this.keys.x = inside(this.keys.x + (x * STEP * HEIGHT) / this.canvas.width);
    this.keys.y = inside(this.keys.y + y * STEP);
    if (this.keys.down) this.extend([this.keyPoint()]);
  }

  keyPoint() {
    return { x: this.keys.x * this.canvas.width, y: this.keys.y * this.canvas.height };
  }

  showPen() {
    if (!this.canvas.matches(":focus-visible")) return;
    this.pen.hidden = false;
    this.pen.classList.toggle("down", this.keys.down);
    this.pen.style.left = `${this.keys.x * 100}%`;
    this.pen.style.top = `${this.keys.y * 100}%`;
  }

  hidePen() {
    this.pen.hidden = true;
  }

  point(event) {
    const box = this.canvas.getBoundingClientRect();
    const scale = this.canvas.width / box.width;
    return { x: (event.clientX - box.left) * scale, y: (event.clientY - box.top) * scale };
  }

  draw() {
    this.context.fillStyle = "#fff";
    this.context.fillRect(0, 0, this.canvas.width, this.canvas.height);
    if (this.picture) this.drawPicture(this.marks.at(-1).bitmap);
    else this.drawStrokes();
  }

  drawPicture(bitmap) {
    if (!bitmap) return;
    const { left, top, scale } = this.fit(bitmap);
    this.context.imageSmoothingEnabled = scale < 4; // a tiny picture shows its pixels
    this.context.drawImage(bitmap, left, top, bitmap.width * scale, bitmap.height * scale);
  }

  /** As large as the paper allows, in its middle. */
  fit(bitmap) {
    const { width, height } = this.canvas;
    if (!bitmap) return { left: 0, top: 0, scale: 0 };
    const scale = Math.min(width / bitmap.width, height / bitmap.height);
    return { left: (width - bitmap.width * scale) / 2, top: (height - bitmap.height * scale) / 2, scale };
  }

  drawStrokes() {
    this.context.lineWidth = HEIGHT * STROKE[this.mode];
    this.context.lineCap = this.context.lineJoin = "round";
    this.context.strokeStyle = "#000";
    // A stroke on a picture starts a new sheet; undoing it brings the picture back.
    const first = this.marks.findLastIndex((mark) => mark.file) + 1;
    for (const { points } of this.marks.slice(first)) this.context.stroke(path(points));
  }
}

/** Through the middles of neighbouring points, each point bending the line towards itself. One point gives a dot. */
function path(points) {
  const line = new Path2D();
  line.moveTo(points[0].x, points[0].y);
  for (let i = 1; i < points.length - 1; i++) {
    const [here, next] = [points[i], points[i + 1]];
    line.quadraticCurveTo(here.x, here.y, (here.x + next.x) / 2, (here.y + next.y) / 2);
  }
  line.lineTo(points.at(-1).x + 0.01, points.at(-1).y); // a line of no length at all would leave no dot
  return line;
}
