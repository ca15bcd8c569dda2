// app/ink.py: brightness becomes ink, what differs from the paper and was drawn.

import { MIN_CONTRAST } from "./decoding.js";
import { sheetIn, surroundings, withinRim } from "./frames.js";
import * as mats from "./mats.js";
import { border, evenPaper, isLightOnDark, paperOf } from "./paper.js";

export const BOX_LEVEL = 48;
export const FULL_INK = 254;
const EVEN = 12;
const DARKEST_PAPER = 40;
const FULL_INK_QUANTILE = 0.998;
const [EDGES_FROM, INSIDE] = [64, 0.15];
const [LINES_FROM, LINES_SIDE] = [96, 320];
const STEEPEST = 0.14;
const SLOPES = Array.from({ length: 29 }, (_, i) => (i === 28 ? STEEPEST : -STEEPEST + i * ((2 * STEEPEST) / 28)));
const LINE_COVERS = 0.8;
const LINE_THICKNESS = 0.02;
const [SPECK, STRONG] = [0.04, 128];

/** There is no ink on the picture. */
export class BlankPicture extends Error {}

/** What differs from the paper, where that lies on another ground or has a rim from that. Throws `BlankPicture`. */
export function inkOf(picture) {
  let sheet = withinRim(picture);
  if (!sheet) {
    const strokes = outstanding(picture);
    sheet = sheetIn(picture, mats.above(strokes, BOX_LEVEL));
    if (!sheet) return strokes;
  }
  const written = inkOf(sheet.pixels);
  const { x, y } = sheet.place;
  const whole = mats.zeros(picture.rows, picture.cols);
  for (let row = 0; row < written.rows; row++) whole.data.set(written.ucharPtr(row), (y + row) * whole.cols + x);
  return whole;
}

/** What differs from what is around it. Throws `BlankPicture`. */
function outstanding(picture) {
  const edge = border(picture, picture.data);
  const paper = Math.floor(mats.median(edge));
  if (paper - mats.least(edge) <= EVEN && mats.greatest(edge) - paper <= EVEN) return inkOnEvenPaper(picture, paper);
  const even = evenPaper(picture);
  const strokes = withoutLines(even === null ? inkOnUnevenPaper(picture) : inkOnEvenPaper(picture, even));
  if (mats.greatest(strokes.data) <= BOX_LEVEL) throw new BlankPicture(); // there were lines alone
  return strokes;
}

/** Ink is what differs from the paper most, be it darker or lighter. */
function inkOnEvenPaper(picture, paper) {
  const darker = paper - mats.least(picture.data);
  const lighter = mats.greatest(picture.data) - paper;
  if (Math.max(darker, lighter) < MIN_CONTRAST) throw new BlankPicture();
  const sign = darker > lighter ? 1 : -1;
  return strengthened(mats.mapped(picture, (value) => sign * (paper - value)));
}

/** Against the paper around each place. */
function inkOnUnevenPaper(picture) {
  const dark = isLightOnDark(picture) ? mats.inverted(picture) : picture;
  const share = shareOfInk(dark, paperOf(dark));
  const full = Math.floor(mats.quantile(share.data, FULL_INK_QUANTILE));
  const noise = 1.5 * mats.median(share.data);
  if (full < Math.max(MIN_CONTRAST, 2 * noise)) throw new BlankPicture();
  const weakest = Math.min(Math.max(0.12 * full, 2.5 * noise), 0.5 * full);
  const gain = 255 / Math.max(1, 0.9 * full - weakest);
  // in float32, as NumPy has it
  const { fround } = Math;
  const strokes = mats.mapped(share, (value) => fround(fround(value - fround(weakest)) * fround(gain)));
  return strengthened(withinTheEdges(strokes));
}

/** What the paper throws back: the same ink in the shadow and in the light. */
function shareOfInk(picture, paper) {
  const lit = mats.mapped(paper, (value) => Math.max(value, DARKEST_PAPER));
  return mats.given((out) => cv.divide(mats.without(paper, picture), lit, out, 255));
}

/** The darkest ink becomes full ink, unless it nearly is. */
export function strengthened(strokes) {
  const peak = mats.greatest(strokes.data);
  return peak >= FULL_INK ? strokes : mats.given((out) => cv.convertScaleAbs(strokes, out, 255 / peak));
}

/** Without what the picture's edge cuts, where enough ink lies inside. */
function withinTheEdges(strokes) {
  if (Math.max(strokes.rows, strokes.cols) < EDGES_FROM) return strokes;
  const { labels, areas } = partsOf(strokes);
  const cut = new Set(border(strokes, labels));
  cut.delete(0);
  const areaOf = (wanted) => areas.filter((_, label) => label > 0 && wanted(label));
  const inside = areaOf((label) => !cut.has(label));
  const outside = areaOf((label) => cut.has(label));
  if (!outside.length || !inside.length || Math.max(...inside) < INSIDE * Math.max(...outside)) return strokes;
  return without(strokes, marked(strokes, labels, (label) => cut.has(label)));
}

/** The digit without the box or ring it stands in, and without what the picture's edge cuts beside it. */
export function withoutSurroundings(strokes) {
  const around = surroundings(mats.above(strokes, BOX_LEVEL));
  return around ? without(strokes, around) : strokes;
}

/** Soft edges go along. Where nothing would be left, nothing goes. */
function without(strokes, gone) {
  const left = mats.both(strokes, mats.inverted(mats.dilated(gone, mats.ones(5, 5))));
  return mats.greatest(left.data) > BOX_LEVEL ? left : strokes;
}

/** Parts that are tiny beside the largest go; where there are such, all around the rest too. */
export function withoutSpecks(picture) {
  const strokes = mats.part(picture, box(picture));
  const { labels, areas } = partsOf(strokes);
  if (areas.length <= 2) return strokes;
  const most = Math.max(...areas);
  const kept = areas.map((area, label) => label > 0 && area >= SPECK * most);
  if (kept.filter(Boolean).length === areas.length - 1) return strokes;
  const rest = marked(strokes, labels, (label) => kept[label]);
  return mats.both(strokes, mats.dilated(rest, mats.ones(5, 5)));
}

/** Each pixel's connected part of ink, 0 where there is none, and each part's strong ink in pixels. */
function partsOf(strokes) {
  const inked = mats.above(strokes, BOX_LEVEL);
  let count;
  const mat = mats.given((out) => (count = cv.connectedComponents(inked, out, 8, cv.CV_32S)));
  const labels = mat.data32S.slice();
  const areas = Array(count).fill(0);
  strokes.data.forEach((value, i) => value > STRONG && areas[labels[i]]++);
  return { labels, areas };
}

/** 255 where a part is wanted. */
function marked({ rows, cols }, labels, wanted) {
  return mats.fromArray(rows, cols, cv.CV_8UC1, labels.map((label) => (wanted(label) ? 255 : 0)));
}

/** Of the pixels above `BOX_LEVEL`. */
export function box(strokes) {
  return cv.boundingRect(mats.above(strokes, BOX_LEVEL));
}

// --- ruled and squared paper ---

/** Without those lines that cross the picture, level or upright. */
function withoutLines(strokes) {
  const turned = mats.transposed(strokes);
  const [foundLevel, foundUpright] = [levelLines(strokes), levelLines(turned)];
  if (!foundLevel && !foundUpright) return strokes;
  const level = foundLevel ?? mats.zeros(strokes.rows, strokes.cols);
  const upright = foundUpright ?? mats.zeros(turned.rows, turned.cols); // lying
  const standing = mats.transposed(upright);
  const rest = mats.both(strokes, mats.inverted(mats.either(level, standing)));
  // A stroke that goes on at both sides of a line is mended.
  const acrossLevel = mats.morphed(rest, cv.MORPH_CLOSE, mats.ones(thickness(level) + 2, 3));
  const acrossUpright = mats.morphed(rest, cv.MORPH_CLOSE, mats.ones(3, thickness(upright) + 2));
  const mended = mats.brighter(mats.darker(acrossLevel, level), mats.darker(acrossUpright, standing));
  return mats.brighter(rest, mats.darker(mended, strokes));
}

/** Where the lines are that run from left to right, 255 there; null if there are none. */
function levelLines(strokes) {
  const { rows: height, cols: width } = strokes;
  if (width < LINES_FROM || !reaches(strokes, 0) || !reaches(strokes, width - 2)) return null;
  const small = mats.reduced(strokes, LINES_SIDE);
  const best = bestSlope(small);
  if (best === null) return null;
  const found = mats.both(linesAlong(small, best), mats.inverted(thickStrokes(small)));
  return mats.resized(mats.dilated(found, mats.ones(3, 1)), width, height, cv.INTER_NEAREST);
}

/** Whether there is ink in one of two columns. */
function reaches({ cols, data }, column) {
  return data.some((value, i) => value > BOX_LEVEL && (i % cols === column || i % cols === column + 1));
}

/** The index of the slope along which the ink lies in the fewest rows; null if no row of it is nearly full. */
function bestSlope({ rows, cols, data }) {
  const inked = [];
  for (let y = 0; y < rows; y++)
    for (let x = 0; x < cols; x += 2) if (data[y * cols + x] > BOX_LEVEL) inked.push([y, x]); // every other column
  if (inked.length > Math.floor((rows * cols) / 4)) return null;
  const counts = SLOPES.map((slope) => countedRows(inked, slope, rows, cols));
  const sharpness = counts.map((each) => each.reduce((sum, count) => sum + count * count, 0));
  const best = sharpness.indexOf(Math.max(...sharpness));
  const most = Math.max(...counts[best].slice(1).map((count, row) => count + counts[best][row]));
  return most < (LINE_COVERS * cols) / 2 ? null : best;
}

/** How much ink each row has once the picture is sheared by a slope. */
function countedRows(inked, slope, rows, cols) {
  const { fround } = Math; // in float32, as NumPy has it
  const margin = Math.floor(cols * STEEPEST) + 1;
  const counts = Array(rows + 2 * margin).fill(0);
  for (const [y, x] of inked) counts[Math.floor(fround(y + margin - fround(fround(slope) * (x - cols / 2))))]++;
  return counts.slice(margin, -margin);
}

function linesAlong(small, best) {
  // A line that is not quite straight, or leans a little otherwise than most, still fills a gap of a pixel.
  const mask = mats.dilated(mats.above(small, BOX_LEVEL), mats.ones(2, 3));
  return SLOPES.slice(Math.max(0, best - 1), best + 2)
    .map((slope) => mats.morphed(mask, cv.MORPH_OPEN, lineKernel(Math.floor(small.cols / 2), slope)))
    .reduce(mats.either);
}

/** Around what is thicker than a line. */
function thickStrokes(small) {
  const wide = Math.max(3, mats.round(LINE_THICKNESS * Math.max(small.rows, small.cols)));
  const stroke = mats.morphed(small, cv.MORPH_OPEN, mats.ones(wide, wide));
  return mats.above(mats.dilated(stroke, mats.ones(3, 3)), BOX_LEVEL);
}

function lineKernel(length, slope) {
  const rise = mats.round(Math.abs(slope) * length);
  const kernel = mats.zeros(rise + 1, length);
  const [from, to] = slope > 0 ? [0, rise] : [rise, 0];
  cv.line(kernel, new cv.Point(0, from), new cv.Point(length - 1, to), new cv.Scalar(1), 1);
  return kernel;
}

/** Of level lines, in rows. */
function thickness({ cols, data }) {
  const inked = data.filter((value) => value > 0).length;
  const starts = data.filter((value, i) => value > (i < cols ? 0 : data[i - cols])).length;
  return mats.round(inked / Math.max(1, starts));
}
