// app/frames.py: what is around the writing, the table that a page lies on, a box or a ring, and what the edge cuts.

import * as mats from "./mats.js";

const SMALLEST_SHEET = 64;
const SOLID = 0.5;
const WRITTEN = 0.2;
const CONVEX = 0.9;
const [RECTANGULAR, ROUND] = [0.9, 0.74];
const AS_WIDE = 0.8;
const [HELD, AS_LONG] = [0.2, 0.45];
const INSIDE = 0.15;
const MOST_OUTLINES = 500;
const NEAR = 0.05;

/** The card or page that stands out from another ground, given what stands out; null if that is no sheet. */
export function sheetIn(picture, inked) {
  if (Math.max(inked.rows, inked.cols) < SMALLEST_SHEET) return null;
  const box = cv.boundingRect(inked);
  const cropped = mats.part(inked, box);
  if (cv.countNonZero(cropped) < SOLID * box.width * box.height) return null;
  const outline = writtenRectangle(cropped);
  if (!outline) return null;
  const within = innerPart(outline, cropped);
  const inner = cv.boundingRect(within);
  const place = { ...inner, x: box.x + inner.x, y: box.y + inner.y };
  const [here, kept] = [mats.part(picture, place), mats.part(within, inner)];
  const sheet = mats.both(kept, mats.part(cropped, inner)).data;
  const paper = Math.floor(mats.median(here.data.filter((_, i) => sheet[i] > 0)));
  const values = here.data.map((value, i) => (kept.data[i] > 0 ? value : paper));
  return { pixels: mats.fromArray(here.rows, here.cols, cv.CV_8UC1, values), place };
}

/** The outline of what is widest, if it is a rectangle and has holes that are writing. */
function writtenRectangle(inked) {
  const outlines = mats.outlines(inked, cv.RETR_TREE);
  const lengths = outlines.map(({ mat }) => mat.rows);
  const widest = outlines[lengths.indexOf(Math.max(...lengths))];
  if (widest.parent >= 0 || !isRectangular(widest.mat)) return null;
  const shortest = WRITTEN * Math.max(inked.rows, inked.cols);
  for (let hole = outlines[widest.child]; hole; hole = outlines[hole.next]) {
    const { width, height } = cv.boundingRect(hole.mat);
    if (Math.max(width, height) > shortest && (hole.child >= 0 || !isConvex(hole.mat))) return widest.mat;
  }
  return null;
}

function isConvex(outline) {
  return cv.contourArea(outline) >= CONVEX * cv.contourArea(hull(outline));
}

function hull(outline) {
  return mats.given((out) => cv.convexHull(outline, out));
}

/** Whether its hull fills the corners of the smallest box around it, which may be turned. */
function isRectangular(outline) {
  const { width, height } = cv.minAreaRect(outline).size;
  return cv.contourArea(hull(outline)) > RECTANGULAR * width * height;
}

/** What an outline encloses, without its rim. */
function innerPart(outline, { rows, cols }) {
  const filled = mats.filled(rows, cols, [outline]);
  const rim = 3 + 2 * mats.round(0.01 * Math.max(rows, cols));
  const paper = new cv.Scalar(0, 0, 0, 0);
  const roomy = mats.given((out) => cv.copyMakeBorder(filled, out, 1, 1, 1, 1, cv.BORDER_CONSTANT, paper));
  return mats.part(mats.eroded(roomy, mats.ones(rim, rim)), { x: 1, y: 1, width: cols, height: rows });
}

/** What is there beside a digit and is none of it, 255 there: what the picture's edge cuts, and a frame. */
export function surroundings(inked) {
  const parts = partsOf(inked);
  const gone = new Set(cutOff(parts, inked.rows, inked.cols));
  for (const frame of frameAmong(parts.filter((part) => !gone.has(part)))) gone.add(frame);
  if (!gone.size) return null;
  return [...gone].map(({ outlines }) => mats.filled(inked.rows, inked.cols, outlines)).reduce(mats.either);
}

/** Nothing where they are so many that most are noise. */
function partsOf(inked) {
  const outlines = mats.outlines(inked, cv.RETR_CCOMP);
  if (outlines.length < 2 || outlines.length > MOST_OUTLINES) return [];
  const together = new Map();
  outlines.forEach(({ mat, parent }, i) => {
    const part = parent < 0 ? i : parent; // a hole has a parent
    if (!together.has(part)) together.set(part, []);
    together.get(part).push(mat);
  });
  return Array.from(together.values(), partOf);
}

function partOf(outlines) {
  const box = cv.boundingRect(outlines[0]);
  const [area, ...holes] = outlines.map((outline) => cv.contourArea(outline));
  const half = outlines.reduce((sum, { rows }) => sum + rows, 0) / 2;
  return { ...box, outlines, area: area + half - holes.reduce((sum, hole) => sum + hole, 0) };
}

/** What the picture's edge cuts, a neighbour or the lines of a table, where a digit lies inside. */
function cutOff(parts, height, width) {
  const isCut = (part) =>
    part.x === 0 || part.y === 0 || part.x + part.width === width || part.y + part.height === height;
  const [cut, whole] = [parts.filter(isCut), parts.filter((part) => !isCut(part))];
  if (Math.max(height, width) < SMALLEST_SHEET || !cut.length || !whole.length) return [];
  const digit = whole.reduce((best, part) => (part.area > best.area ? part : best));
  if (digit.area < INSIDE * Math.max(...cut.map(({ area }) => area))) return [];
  const near = NEAR * Math.max(digit.width, digit.height);
  return cut.filter((part) => part.width === width || part.height === height || gap(part, digit) > near);
}

/** Between their boxes. */
function gap(one, other) {
  const x = Math.max(one.x, other.x) - Math.min(one.x + one.width, other.x + other.width);
  const y = Math.max(one.y, other.y) - Math.min(one.y + one.height, other.y + other.height);
  return Math.hypot(Math.max(0, x), Math.max(0, y));
}

/** The box or ring that the others stand in, if there is one. */
function frameAmong(parts) {
  if (!parts.length) return [];
  const frame = parts.reduce((best, part) => (part.width * part.height > best.width * best.height ? part : best));
  const held = parts.filter((part) => isWithin(part, frame));
  const longest = Math.max(0, ...held.map(({ width, height }) => Math.max(width, height)));
  if (longest < AS_LONG * frame.height || held.reduce((sum, { area }) => sum + area, 0) < HELD * frame.area) return [];
  return isRectangular(frame.outlines[0]) || isRing(frame.outlines[0]) ? [frame] : [];
}

function isWithin(one, other) {
  const [right, bottom] = [other.x + other.width, other.y + other.height];
  return one.x > other.x && one.y > other.y && one.x + one.width < right && one.y + one.height < bottom;
}

/** Whether it is round, and as wide as high. */
function isRing(outline) {
  const { width, height } = cv.minAreaRect(outline).size;
  const isRound = cv.contourArea(outline) > ROUND * width * height;
  return isRound && Math.min(width, height) > AS_WIDE * Math.max(width, height);
}
