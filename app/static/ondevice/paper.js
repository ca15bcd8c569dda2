// app/paper.py: what of a picture is paper, and whether what is written on it is lighter or darker.

import * as mats from "./mats.js";

const TINY = 20;
const [NEARLY, MOSTLY] = [10, 0.85];
const PAPER_SIDE = 192;
const PAPER_WINDOW = 0.5;
const [WIDEST_STROKE, NARROW_STROKE] = [0.2, 0.1];
const LIGHT_INK = 2;

/** The values along the picture's four edges. */
export function border({ rows, cols }, data) {
  const row = (y) => data.slice(y * cols, (y + 1) * cols);
  const column = (x) => Array.from({ length: rows }, (_, y) => data[y * cols + x]);
  return [...row(0), ...row(rows - 1), ...column(0), ...column(cols - 1)];
}

/** The paper's brightness where ink reaches the edge of even paper; null if the paper is uneven. */
export function evenPaper(picture) {
  const bright = mats.given((out) => cv.threshold(picture, out, 0, 255, cv.THRESH_OTSU));
  const lightPaper = mats.mean(bright.data) + mats.mean(border(bright, bright.data)) > 255;
  const inked = lightPaper ? mats.inverted(bright) : bright;
  if (cv.countNonZero(inked) === 0) return null;
  const mask = inked.data.slice();
  const sheet = picture.data.filter((_, i) => mask[i] === 0);
  const paper = mats.median(sheet);
  return longest(picture) > TINY && !isEven(picture, inked, sheet, paper) ? null : mats.round(paper);
}

/** Most of the sheet has the paper's tone, and no ink is as wide as an area. */
function isEven(picture, inked, sheet, paper) {
  const mask = inked.data.slice();
  const contrast = Math.abs(paper - mats.median(picture.data.filter((_, i) => mask[i] > 0)));
  const tolerance = Math.max(NEARLY, (NEARLY / 100) * contrast);
  const near = sheet.filter((value) => Math.abs(value - paper) < tolerance).length;
  if (near < MOSTLY * sheet.length) return false;
  const widest = Math.floor(longest(picture) / 4);
  return cv.countNonZero(mats.eroded(inked, mats.ones(widest, widest))) === 0;
}

/** The paper's brightness behind dark ink, found on a small copy. */
export function paperOf(picture) {
  const small = mats.reduced(picture, PAPER_SIDE);
  const filled = mats.morphed(small, cv.MORPH_CLOSE, strokeKernel(small, WIDEST_STROKE));
  const guess = mats.darker(usualAround(small), filled);
  const paper = mats.given((out) => cv.blur(guess, out, new cv.Size(3, 3)));
  return mats.resized(paper, picture.cols, picture.rows, cv.INTER_LINEAR);
}

/** What stands out from its surroundings' median and is no wider than a stroke: more of it light than dark? */
export function isLightOnDark(picture) {
  const small = mats.reduced(picture, PAPER_SIDE);
  const [usual, stroke] = [usualAround(small), strokeKernel(small, NARROW_STROKE)];
  const dark = mats.darker(mats.without(usual, small), mats.morphed(small, cv.MORPH_BLACKHAT, stroke));
  const light = mats.darker(mats.without(small, usual), mats.morphed(small, cv.MORPH_TOPHAT, stroke));
  return energy(light) > LIGHT_INK * energy(dark);
}

function energy(mat) {
  return mat.data.reduce((sum, value) => sum + value * value, 0);
}

/** The median of a wide window around each pixel. */
function usualAround(picture) {
  const window = Math.min(255, Math.max(3, Math.floor(PAPER_WINDOW * longest(picture)))) | 1;
  return mats.given((out) => cv.medianBlur(picture, out, window));
}

function strokeKernel(picture, widest) {
  const side = Math.max(15, mats.round(widest * longest(picture))) | 1;
  return mats.ones(side, side);
}

function longest({ rows, cols }) {
  return Math.max(rows, cols);
}
