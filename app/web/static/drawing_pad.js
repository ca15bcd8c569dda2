// A sheet of paper: strokes drawn by hand, or a picture laid on it.

// Stroke width as a fraction of the sheet's height. MNIST's digits are 20 pixels high with strokes 2 to 3 pixels wide;
// several digits on a sheet are smaller.
const STROKE_WIDTH = { one: 0.07, several: 0.035 };
const HEIGHT = 560; // pixels of the canvas: sharp on a large screen
const SENT_HEIGHT = 280; // pixels of the picture that is sent
const KEY_STEP = 0.03; // how far an arrow key moves the pen, as a fraction of the sheet's height
const ARROW_DIRECTIONS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const MAGNIFIED = 4; // screen pixels for a pixel of a picture; from here on its pixels are drawn as squares

/**
 * Draws on `canvas` and calls `onchange(done)`: with false while a stroke is being drawn, with true after a stroke, a
 * picture, undo and clear. `pen` marks where the arrow keys have moved the pen.
 * The paper is white and the ink black in every colour scheme: the drawing is the model's input.
 */
export class DrawingPad {
  constructor({ canvas, pen }, onchange) {
    this.canvas = canvas;
    this.pen = pen;
    this.context = canvas.getContext("2d", { alpha: false });
    this.onchange = onchange;
    this.sheets = { one: [], several: [] }; // of each mode: strokes {points} and pictures {file, bitmap}, oldest first
    this.pointerId = null; // of the pointer that draws; a second finger or a resting palm is ignored
    this.keyPen = { x: 0.5, y: 0.3, down: false }; // fractions of the canvas's width and height
    for (const [type, handler] of Object.entries(this.handlers())) canvas.addEventListener(type, handler);
    this.changeMode("one");
  }

  /** Takes the sheet for "one" digit or that for "several", which are drawn with thinner strokes. */
  changeMode(mode) {
    this.mode = mode;
    this.resize();
  }

  get marks() {
    return this.sheets[this.mode];
  }

  /** Gives the canvas the aspect ratio that it has on the page. Returns whether that has changed. */
  resize() {
    const { width, clientWidth, clientHeight } = this.canvas;
    if (!clientHeight) return false; // it is hidden
    const fittingWidth = Math.round((HEIGHT * clientWidth) / clientHeight);
    Object.assign(this.canvas, { width: fittingWidth, height: HEIGHT });
    this.draw();
    return width !== fittingWidth;
  }

  get empty() {
    return this.marks.length === 0;
  }

  /** The file of the picture on top; undefined if strokes are on top. */
  get picture() {
    return this.marks.at(-1)?.file;
  }

  /** False if the browser cannot decode the picture on top. */
  get previewable() {
    return this.marks.at(-1)?.bitmap !== null;
  }

  /** Lays a picture on the paper. One that the browser cannot decode leaves it blank; the service may still read it. */
  async addPicture(file) {
    const bitmap = await createImageBitmap(file).catch(() => null);
    this.change(() => this.marks.push({ file, bitmap }));
  }

  undo() {
    if (!this.empty) this.change(() => this.marks.pop());
  }

  clear() {
    this.change(() => {
      this.sheets[this.mode] = [];
    });
  }

  /** The picture to read: the file of the picture on top, or the strokes on a canvas. */
  content() {
    if (this.picture) return this.picture;
    const scale = SENT_HEIGHT / HEIGHT;
    const sheet = new OffscreenCanvas(this.canvas.width * scale, SENT_HEIGHT);
    sheet.getContext("2d").drawImage(this.canvas, 0, 0, sheet.width, sheet.height);
    return sheet;
  }

  /** Where the drawing that `content()` returns lies on the canvas: a pixel x is at x * scaleX of the canvas's width. */
  placement() {
    const scale = HEIGHT / SENT_HEIGHT;
    return { scaleX: scale / this.canvas.width, scaleY: scale / this.canvas.height };
  }

  change(apply) {
    this.pointerId = null; // ends a stroke that is being drawn
    this.keyPen.down = false;
    apply();
    this.draw();
    this.onchange(true);
  }

  handlers() {
    return {
      pointerdown: (event) => this.onPointerDown(event),
      pointermove: (event) => this.onPointerMove(event),
      pointerup: (event) => this.onPointerUp(event),
      pointercancel: (event) => this.onPointerUp(event),
      lostpointercapture: (event) => this.onPointerUp(event),
      keydown: (event) => this.onKeyDown(event),
      focus: () => this.showPen(),
      blur: () => this.hidePen(),
    };
  }

  onPointerDown(event) {
    if (this.pointerId !== null || event.button !== 0) return;
    this.hidePen();
    this.keyPen.down = false;
    this.pointerId = event.pointerId;
    this.canvas.setPointerCapture(event.pointerId);
    this.startStroke(this.pointOf(event));
  }

  onPointerMove(event) {
    if (event.pointerId !== this.pointerId) return;
    const coalesced = event.getCoalescedEvents?.() ?? [];
    this.extendStroke((coalesced.length ? coalesced : [event]).map((move) => this.pointOf(move)));
  }

  onPointerUp(event) {
    if (event.pointerId === this.pointerId) this.endStroke();
  }

  startStroke(point) {
    this.marks.push({ points: [point] });
    this.draw();
  }

  extendStroke(points) {
    this.marks.at(-1).points.push(...points);
    this.draw();
    this.onchange(false);
  }

  endStroke() {
    this.change(() => {});
  }

  /** The arrow keys move the pen; Space lowers and lifts it. */
  onKeyDown(event) {
    if (event.key === " ") this.togglePen();
    else if (event.key in ARROW_DIRECTIONS) this.movePen(ARROW_DIRECTIONS[event.key]);
    else return;
    event.preventDefault(); // these keys would scroll the page
    this.showPen();
  }

  togglePen() {
    if (this.keyPen.down) {
      this.endStroke();
    } else {
      this.keyPen.down = true;
      this.startStroke(this.penPoint());
    }
  }

  movePen([x, y]) {
    const clamp = (value) => Math.min(Math.max(value, 0), 1);
    this.keyPen.x = clamp(this.keyPen.x + (x * KEY_STEP * HEIGHT) / this.canvas.width);
    this.keyPen.y = clamp(this.keyPen.y + y * KEY_STEP);
    if (this.keyPen.down) this.extendStroke([this.penPoint()]);
  }

  penPoint() {
    return { x: this.keyPen.x * this.canvas.width, y: this.keyPen.y * this.canvas.height };
  }

  showPen() {
    if (!this.canvas.matches(":focus-visible")) return;
    this.pen.hidden = false;
    this.pen.classList.toggle("down", this.keyPen.down);
    this.pen.style.left = `${this.keyPen.x * 100}%`;
    this.pen.style.top = `${this.keyPen.y * 100}%`;
  }

  hidePen() {
    this.pen.hidden = true;
  }

  /** Where a pointer event happened, in pixels of the canvas. */
  pointOf(event) {
    const area = this.canvas.getBoundingClientRect();
    const scale = this.canvas.width / area.width;
    return { x: (event.clientX - area.left) * scale, y: (event.clientY - area.top) * scale };
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
    this.context.imageSmoothingEnabled = scale < MAGNIFIED;
    this.context.drawImage(bitmap, left, top, bitmap.width * scale, bitmap.height * scale);
  }

  /** The position and scale at which a picture fills the canvas as far as possible, centred. */
  fit(bitmap) {
    const { width, height } = this.canvas;
    if (!bitmap) return { left: 0, top: 0, scale: 0 };
    const scale = Math.min(width / bitmap.width, height / bitmap.height);
    return { left: (width - bitmap.width * scale) / 2, top: (height - bitmap.height * scale) / 2, scale };
  }

  drawStrokes() {
    this.context.lineWidth = HEIGHT * STROKE_WIDTH[this.mode];
    this.context.lineCap = this.context.lineJoin = "round";
    this.context.strokeStyle = "#000";
    // A stroke drawn on a picture starts a new sheet; undo brings the picture back.
    const firstStroke = this.marks.findLastIndex((mark) => mark.file) + 1;
    for (const { points } of this.marks.slice(firstStroke)) this.context.stroke(smoothPath(points));
  }
}

/** A curve through the midpoints of neighbouring points, with the points as its control points. One point is a dot. */
function smoothPath(points) {
  const path = new Path2D();
  path.moveTo(points[0].x, points[0].y);
  for (let i = 1; i < points.length - 1; i++) {
    const [point, next] = [points[i], points[i + 1]];
    path.quadraticCurveTo(point.x, point.y, (point.x + next.x) / 2, (point.y + next.y) / 2);
  }
  path.lineTo(points.at(-1).x + 0.01, points.at(-1).y); // a path of length 0 would not be drawn
  return path;
}
