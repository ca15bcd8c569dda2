// app/frames.py: what is around the writing, the table that a page lies on, a rim, a box or a ring, and what the edge
// cuts.

import { MIN_CONTRAST } from "./decoding.js";
import * as mats from "./mats.js";
import { border } from "./paper.js";

const SMALLEST_SHEET = 64;
const SOLID = 0.5;
const WRITTEN = 0.2;
const CONVEX = 0.9;
const [RECTANGULAR, ROUND] = [0.9, 0.74];
const AS_WIDE = 0.8;
const [HELD, AS_LONG] = [0.2, 0.45];
const INSIDE = 0.15;
const MOST_OUTLINES = 500;
const [SMALLEST_RIMMED, RIM_TO] = [12, 0.15];
const [RIM, INNER] = [0.9, 0.34];
const SAMPLES = 32;
const [STEEP, BEYOND] = [0.15, 0.1];
const CRUMB = 0.04;
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

/** What a line along all four edges encloses, as where a box of a form was cut out by its lines; null without one. */
export function withinRim(picture) {
  const { rows, cols } = picture;
  const shorter = Math.min(rows, cols);
  if (shorter < SMALLEST_RIMMED) return null;
  const [rim, paper] = [mats.middle(border(picture, picture.data)), usualInside(picture)];
  if (Math.abs(paper - rim) < MIN_CONTRAST) return null;
  const level = Math.floor((rim + paper) / 2);
  const isLikeRim = (value) => value > level === rim > paper;
  const all = { x: 0, y: 0, width: cols, height: rows };
  const most = Math.floor(RIM_TO * shorter);
  const depths = sides(all).map((row) => {
    for (let depth = 0; depth <= most; depth++) if (share(picture, row(depth), isLikeRim) < RIM) return depth;
    return 0;
  });
  if (Math.min(...depths) === 0) return null;
  const [top, bottom, left, right] = depths;
  const inside = { x: left, y: top, width: cols - left - right, height: rows - top - bottom };
  const isPaper = (row) => share(picture, row, isLikeRim) <= INNER;
  if (!sides(inside).every((row) => isPaper(row(0)) && isPaper(row(1)))) return null;
  const place = { x: left + 1, y: top + 1, width: inside.width - 2, height: inside.height - 2 };
  const pixels = mats.part(picture, place);
  return holdsWriting(pixels, paper) ? { pixels, place } : null;
}

/** The brightness of most pixels that are not near the edges, as some of them tell. */
function usualInside({ rows, cols, data }) {
  const away = Math.floor(Math.min(rows, cols) / 6);
  const step = 1 + Math.floor(Math.max(rows, cols) / SAMPLES);
  const values = [];
  for (let y = away; y < rows - away; y += step) {
    for (let x = away; x < cols - away; x += step) values.push(data[y * cols + x]);
  }
  return mats.middle(values);
}

/** A rectangle's rows seen from the top, the bottom, the left and the right: each by its place from the outside. */
function sides({ x, y, width, height }) {
  return [
    (depth) => ({ x, y: y + depth, width, height: 1 }),
    (depth) => ({ x, y: y + height - 1 - depth, width, height: 1 }),
    (depth) => ({ x: x + depth, y, width: 1, height }),
    (depth) => ({ x: x + width - 1 - depth, y, width: 1, height }),
  ];
}

/** The share of a rectangle's pixels that are so. */
function share({ cols, data }, { x, y, width, height }, isSo) {
  let count = 0;
  for (let row = y; row < y + height; row++) {
    for (let column = x; column < x + width; column++) if (isSo(data[row * cols + column])) count++;
  }
  return count / (width * height);
}

/** Of more than a rectangle: a printed zero in its margin is a rim too, around a hole. */
function holdsWriting(picture, paper) {
  const away = mats.mapped(picture, (value) => Math.abs(value - paper));
  const most = mats.greatest(away.data);
  if (most < MIN_CONTRAST) return false;
  const outlines = mats.outlines(mats.above(away, Math.floor(most / 2)), cv.RETR_EXTERNAL).map(({ mat }) => mat);
  const longest = outlines.reduce((best, outline) => (outline.rows > best.rows ? outline : best));
  const { width, height } = cv.boundingRect(longest);
  return Math.max(width, height) > WRITTEN * Math.max(picture.rows, picture.cols) && !isRectangular(longest);
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

/** What is there beside a digit and is none of it, 255 there: what the picture's edge cuts, a frame, lines. */
export function surroundings(inked) {
  const parts = partsOf(inked);
  const gone = new Set(cutOff(parts, inked.rows, inked.cols));
  for (const find of [frameAmong, linesBeside]) {
    for (const part of find(parts.filter((part) => !gone.has(part)))) gone.add(part);
  }
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

/** Those that a digit was written on or between: straight and level or upright, and longer than it on both sides. */
function linesBeside(parts) {
  const lines = parts.filter(({ width, height }) => Math.min(width, height) < STEEP * Math.max(width, height));
  const rest = parts.filter((part) => !lines.includes(part));
  if (!lines.length || !rest.length) return [];
  const largest = Math.max(...rest.map(({ area }) => area));
  const digit = around(rest.filter(({ area }) => area > CRUMB * largest));
  return lines.filter((line) => runsAlong(line, digit));
}

function around(parts) {
  const [x, y] = [Math.min(...parts.map((part) => part.x)), Math.min(...parts.map((part) => part.y))];
  const right = Math.max(...parts.map((part) => part.x + part.width));
  const bottom = Math.max(...parts.map((part) => part.y + part.height));
  return { x, y, width: right - x, height: bottom - y };
}

/** Above or below it, or on its left or right, from before its beginning to behind its end. */
function runsAlong(line, digit) {
  if (line.width > line.height) {
    const away = BEYOND * digit.width;
    const isLonger = line.x < digit.x - away && line.x + line.width > digit.x + digit.width + away;
    return isLonger && (line.y + line.height <= digit.y || line.y >= digit.y + digit.height);
  }
  const away = BEYOND * digit.height;
  const isLonger = line.y < digit.y - away && line.y + line.height > digit.y + digit.height + away;
  return isLonger && (line.x + line.width <= digit.x || line.x >= digit.x + digit.width);
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
