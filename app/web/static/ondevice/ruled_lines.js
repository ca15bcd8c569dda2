// app/preprocessing/ruled_lines.py: the lines of ruled and squared paper are found in the ink and erased from it.

import { binarize, strokeWidth } from "./components.js";
import {
  DARKEST_LINE,
  FAINT_AREA,
  FAINT_LENGTH,
  FAINT_LINE,
  FAINTEST_LINE,
  FOREGROUND_LEVEL,
  LEAST_FAINT_LINES,
  LINE_COVERAGE,
  LINE_MARGIN,
  LINE_QUANTILE,
  MAX_LINE_SLOPE,
  MAX_LINE_THICKNESS,
  MIN_FAINT_LENGTH,
  MIN_RULED_WIDTH,
  RULED_SIDE,
  SLOPE_COUNT,
  STROKE_DARKNESS,
  STROKE_THICKNESS,
  THICK_FAINT,
} from "./constants.js";
import * as mats from "./mats.js";
import { highest, quantile, round, sum } from "./numbers.js";
import { shrink } from "./scaling.js";

const LAST_SLOPE = SLOPE_COUNT - 1;
const LINE_SLOPES = Array.from({ length: SLOPE_COUNT }, (_, i) =>
  i === LAST_SLOPE ? MAX_LINE_SLOPE : -MAX_LINE_SLOPE + i * ((2 * MAX_LINE_SLOPE) / LAST_SLOPE),
);

/** Without the lines that cross the picture, level or upright, unless they are strokes of the digit. */
export function removeRuledLines(ink) {
  const transposed = mats.transpose(ink);
  const levelLines = findLevelLines(ink);
  const uprightLines = findLevelLines(transposed);
  if (!levelLines && !uprightLines) return ink;
  const none = mats.zeros(ink.rows, ink.cols);
  const level = levelLines ?? none;
  const upright = uprightLines ?? mats.transpose(none); // transposed
  const rest = mats.bitwiseAnd(ink, mats.invert(mats.bitwiseOr(level, mats.transpose(upright))));
  if (highest(rest.data) <= FOREGROUND_LEVEL) {
    return isSingleLine(upright) && cv.countNonZero(level) === 0 ? ink : rest; // a one, or ruled paper
  }
  return eraseLines(
    ink,
    isStroke(ink, level, rest) ? none : level,
    isStroke(transposed, upright, rest) ? mats.transpose(none) : upright,
  );
}

/** Whether level lines are a single one, as thick and as dark as the rest of the ink: the bar of a seven. */
function isStroke(ink, level, rest) {
  if (!isSingleLine(level)) return false;
  const width = strokeWidth(rest);
  const line = mats.bitwiseAnd(ink, mats.dilate(level, mats.ones(2 * round(width) + 1, 1)));
  const starts = countStarts(level);
  const thicknesses = countInColumns(binarize(line)).filter((_, x) => starts[x] === 1);
  const cut = isCutByEdge(level) ? 2 : 1; // the picture's edge may cut half of it
  const thickness = cut * thicknesses.sort()[Math.floor(thicknesses.length / 2)];
  return meanInk(line) > STROKE_DARKNESS * meanInk(rest) && thickness > STROKE_THICKNESS * width;
}

/** Whether an eighth of the columns that they cross, or more, have one line only. */
function isSingleLine(level) {
  const counts = countStarts(level)
    .filter((count) => count > 0)
    .sort();
  return counts.length > 0 && counts[Math.floor(counts.length / 8)] === 1;
}

function isCutByEdge({ cols, data }) {
  return highest(data.slice(0, cols)) > 0 || highest(data.slice(-cols)) > 0;
}

/** Of the foreground. */
function meanInk(ink) {
  return cv.mean(ink, binarize(ink))[0];
}

/** Without faint stains, and lines so faint, beside a pencil's strokes, that they break and do not reach the edges. */
export function removeFaintLines(ink) {
  const { rows, cols } = ink;
  const length = Math.max(MIN_FAINT_LENGTH, Math.floor(cols / FAINT_LENGTH));
  const side = Math.max(THICK_FAINT, Math.floor(Math.max(rows, cols) / FAINT_AREA));
  const faint = mats.mapValues(ink, (value) => (value >= FAINTEST_LINE && value <= FAINT_LINE ? 255 : 0));
  const opened = (height, width) => mats.morphology(faint, cv.MORPH_OPEN, mats.ones(height, width));
  const stains = grown(opened(side, side), 3);
  const lines = mats.bitwiseAnd(mats.bitwiseOr(opened(1, length), opened(length, 1)), mats.invert(stains));
  const alone = mats.bitwiseAnd(lines, mats.invert(grown(mats.threshold(ink, DARKEST_LINE), 2 * side + 1)));
  if (cv.countNonZero(mats.bitwiseOr(alone, stains)) < LEAST_FAINT_LINES * rows * cols) return ink;
  const darkest = darkestOfLines(ink, alone);
  const around = grown(lines, 3).data;
  const ofLines = (value, i) => (around[i] && value <= darkest) || (stains.data[i] && value <= FAINT_LINE);
  const rest = mats.fromArray(
    rows,
    cols,
    ink.data.map((value, i) => (ofLines(value, i) ? 0 : value)),
  );
  return withDarkComponents(ink, rest, darkest);
}

/** Without the components of `rest` that are nowhere darker than faint lines are, unless they are more than these. */
function withDarkComponents(ink, rest, darkest) {
  const { labels, count } = mats.connectedComponents(binarize(rest));
  const isDark = new Uint8Array(count);
  isDark[0] = 1;
  for (let i = 0; i < labels.length; i++) if (rest.data[i] > darkest) isDark[labels[i]] = 1;
  const kept = rest.data.map((value, i) => (isDark[labels[i]] ? value : 0));
  const foreground = (values) => values.reduce((number, value) => number + (value > FOREGROUND_LEVEL ? 1 : 0), 0);
  const [before, without, left] = [ink.data, rest.data, kept].map(foreground);
  return without - left <= before - without ? mats.fromArray(ink.rows, ink.cols, kept) : ink;
}

/** Each pixel the greatest in a square around it. */
const grown = (mask, side) => mats.dilate(mask, mats.ones(side, side));

/** The level of ink that faint lines reach in their middles. */
function darkestOfLines(ink, lines) {
  const middles = grown(ink, 3).data.filter((_, i) => lines.data[i]);
  const reached = middles.length ? quantile(middles, LINE_QUANTILE) + LINE_MARGIN : 0;
  return round(Math.min(Math.max(FAINT_LINE, reached), DARKEST_LINE));
}

/** Without the lines of two masks, the second transposed. A stroke is closed across the lines that it crosses. */
function eraseLines(ink, level, transposedUpright) {
  const upright = mats.transpose(transposedUpright);
  const rest = mats.bitwiseAnd(ink, mats.invert(mats.bitwiseOr(level, upright)));
  const acrossLevel = mats.morphology(rest, cv.MORPH_CLOSE, mats.ones(lineThickness(level) + 2, 3));
  const acrossUpright = mats.morphology(rest, cv.MORPH_CLOSE, mats.ones(3, lineThickness(transposedUpright) + 2));
  const closed = mats.max(mats.min(acrossLevel, level), mats.min(acrossUpright, upright));
  return mats.max(rest, mats.min(closed, ink));
}

/** The mean thickness of level lines in rows. */
function lineThickness(level) {
  return round(cv.countNonZero(level) / Math.max(1, sum(countStarts(level))));
}

/** How often a line starts in each column, from the top down. */
function countStarts({ rows, cols, data }) {
  return countInColumns({
    rows,
    cols,
    data: data.map((value, i) => (value > (i < cols ? 0 : data[i - cols]) ? 1 : 0)),
  });
}

/** How many values of each column are not 0. */
function countInColumns({ cols, data }) {
  const counts = new Uint32Array(cols);
  for (let i = 0; i < data.length; i++) if (data[i] > 0) counts[i % cols]++;
  return counts;
}

/** The mask of the lines that run from the left edge to the right; null if there are none. */
function findLevelLines(ink) {
  const { rows: height, cols: width } = ink;
  if (width < MIN_RULED_WIDTH || !hasForeground(ink, 0) || !hasForeground(ink, width - 2)) return null;
  const small = shrink(ink, RULED_SIDE);
  const slopes = slopesOfLines(small);
  if (slopes.length === 0) return null;
  const lines = mats.bitwiseAnd(findLongRuns(small, slopes), mats.invert(penStrokes(small)));
  return mats.resize(mats.dilate(lines, mats.ones(3, 1)), { width, height }, cv.INTER_NEAREST);
}

/** Whether there is foreground in a column or the next. */
function hasForeground({ cols, data }, column) {
  return data.some((value, i) => value > FOREGROUND_LEVEL && (i % cols === column || i % cols === column + 1));
}

/** The one of `LINE_SLOPES` at which lines cross the picture, and its neighbours; none if no line does. */
function slopesOfLines(ink) {
  const pixels = foregroundPixels(ink);
  if (pixels.length > Math.floor((ink.rows * ink.cols) / 4)) return [];
  const counts = LINE_SLOPES.map((slope) => countsOfShearedRows(pixels, slope, ink));
  const sharpness = counts.map((rows) => sum(rows.map((count) => count * count)));
  const best = sharpness.indexOf(Math.max(...sharpness));
  const fullest = Math.max(...counts[best].slice(1).map((count, row) => count + counts[best][row]));
  return fullest < (LINE_COVERAGE * ink.cols) / 2 ? [] : LINE_SLOPES.slice(Math.max(0, best - 1), best + 2);
}

/** Row and column of each, in every other column. */
function foregroundPixels({ rows, cols, data }) {
  const pixels = [];
  for (let y = 0; y < rows; y++) {
    for (let x = 0; x < cols; x += 2) if (data[y * cols + x] > FOREGROUND_LEVEL) pixels.push([y, x]);
  }
  return pixels;
}

/** How many of the pixels are in each row once the picture is sheared by a slope. */
function countsOfShearedRows(pixels, slope, { rows, cols }) {
  const { fround } = Math; // in float32, as NumPy computes it
  const margin = Math.floor(cols * MAX_LINE_SLOPE) + 1;
  const counts = Array(rows + 2 * margin).fill(0);
  for (const [y, x] of pixels) counts[Math.floor(fround(y + margin - fround(fround(slope) * (x - cols / 2))))]++;
  return counts.slice(margin, -margin);
}

/** Where foreground goes on along one of these slopes for half of the picture's width. */
function findLongRuns(ink, slopes) {
  // A line that is not quite straight, or has a slightly different slope, still fills a gap of a pixel.
  const foreground = mats.dilate(binarize(ink), mats.ones(2, 3));
  return slopes
    .map((slope) => mats.morphology(foreground, cv.MORPH_OPEN, lineKernel(Math.floor(ink.cols / 2), slope)))
    .reduce(mats.bitwiseOr);
}

/** A line of this length in columns. */
function lineKernel(length, slope) {
  const rise = round(Math.abs(slope) * length);
  const kernel = mats.zeros(rise + 1, length);
  const [from, to] = slope > 0 ? [0, rise] : [rise, 0];
  cv.line(kernel, new cv.Point(0, from), new cv.Point(length - 1, to), new cv.Scalar(1), 1);
  return kernel;
}

/** Where ink is thicker than ruled lines are. */
function penStrokes(ink) {
  const side = Math.max(3, round(MAX_LINE_THICKNESS * Math.max(ink.rows, ink.cols)));
  const strokes = mats.morphology(ink, cv.MORPH_OPEN, mats.ones(side, side));
  return binarize(mats.dilate(strokes, mats.ones(3, 3)));
}
