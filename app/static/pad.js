// A sheet of paper: strokes drawn by hand, or a picture laid on it.

// Of the canvas's width. MNIST's digits are 20 pixels high and their strokes 2 to 3 wide.
const STROKE = 0.07;
const SENT = 280; // pixels a side of the picture that is sent

/**
 * Draws on `canvas` and calls `onchange` after every stroke, picture, undo and clear.
 * The paper is white and the ink black whatever the page's colours: it is a picture for the model.
 */
export class Pad {
  constructor(canvas, onchange) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d", { alpha: false });
    this.onchange = onchange;
    this.marks = []; // each a stroke {points} or a picture {file, bitmap}, oldest first
    this.pointer = null; // the one that draws; a second finger or a resting palm is ignored
    for (const [type, handler] of Object.entries(this.handlers())) canvas.addEventListener(type, handler);
    this.draw();
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

  /** What is on the paper: the picture's own file, or the strokes as PNG. */
  async blob() {
    if (this.picture) return this.picture;
    // The canvas is fine enough for a large screen; half of that is plenty to read. Nor does this wait, as the
    // canvas's own toBlob() does, until the browser has nothing else to do.
    const sheet = new OffscreenCanvas(SENT, SENT);
    sheet.getContext("2d").drawImage(this.canvas, 0, 0, SENT, SENT);
    return sheet.convertToBlob({ type: "image/png" });
  }

  change(apply) {
    this.pointer = null; // a stroke under way ends here
    apply();
    this.draw();
    this.onchange();
  }

  handlers() {
    return {
      pointerdown: (event) => this.down(event),
      pointermove: (event) => this.move(event),
      pointerup: (event) => this.up(event),
      pointercancel: (event) => this.up(event),
      lostpointercapture: (event) => this.up(event),
    };
  }

  down(event) {
    if (this.pointer !== null || event.button !== 0) return;
    this.pointer = event.pointerId;
    this.canvas.setPointerCapture(event.pointerId);
    this.marks.push({ points: [this.point(event)] });
    this.draw();
  }

  move(event) {
    if (event.pointerId !== this.pointer) return;
    const events = event.getCoalescedEvents?.() ?? [];
    for (const each of events.length ? events : [event]) this.marks.at(-1).points.push(this.point(each));
    this.draw();
  }

  up(event) {
    if (event.pointerId !== this.pointer) return;
    this.change(() => {});
  }

  point(event) {
    const box = this.canvas.getBoundingClientRect();
    const scale = this.canvas.width / box.width;
    return { x: (event.clientX - box.left) * scale, y: (event.clientY - box.top) * scale };
  }

  draw() {
    const { width, height } = this.canvas;
    this.context.fillStyle = "#fff";
    this.context.fillRect(0, 0, width, height);
    if (this.picture) this.drawPicture(this.marks.at(-1).bitmap);
    else this.drawStrokes();
  }

  drawPicture(bitmap) {
    if (!bitmap) return;
    const { width, height } = this.canvas;
    const scale = Math.min(width / bitmap.width, height / bitmap.height);
    const [w, h] = [bitmap.width * scale, bitmap.height * scale];
    this.context.imageSmoothingEnabled = scale < 4; // a tiny picture shows its pixels
    this.context.drawImage(bitmap, (width - w) / 2, (height - h) / 2, w, h);
  }

  drawStrokes() {
    this.context.lineWidth = this.canvas.width * STROKE;
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
