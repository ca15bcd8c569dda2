// app/preprocessing/ruled_lines.py: the lines of ruled and squared paper are found in the ink and erased from it.

import { binarize } from "./components.js";
import {
  FOREGROUND_LEVEL,
  LINE_COVERAGE,
  MAX_LINE_SLOPE,
  MAX_LINE_THICKNESS,
  MIN_RULED_WIDTH,
  RULED_SIDE,
  SLOPE_COUNT,
} from "./constants.js";
import * as mats from "./mats.js";
import { round, sum } from "./numbers.js";
import { shrink } from "./scaling.js";

const LAST_SLOPE = SLOPE_COUNT - 1;
const LINE_SLOPES = Array.from({ length: SLOPE_COUNT }, (_, i) =>
  i === LAST_SLOPE ? MAX_LINE_SLOPE : -MAX_LINE_SLOPE + i * ((2 * MAX_LINE_SLOPE) / LAST_SLOPE),
);

/** Without the lines that cross the picture, level or upright. */
export function removeRuledLines(ink) {
  const transposed = mats.transpose(ink);
  const level = findLevelLines(ink);
  const upright = findLevelLines(transposed);
  if (!level && !upright) return ink;
  return eraseLines(
    ink,
    level ?? mats.zeros(ink.rows, ink.cols),
    upright ?? mats.zeros(transposed.rows, transposed.cols),
  );
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
function lineThickness({ cols, data }) {
  const inked = data.filter((value) => value > 0).length;
  const starts = data.filter((value, i) => value > (i < cols ? 0 : data[i - cols])).length;
  return round(inked / Math.max(1, starts));
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
