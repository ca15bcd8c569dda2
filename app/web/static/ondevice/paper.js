// app/paper.py: what of a picture is paper, and whether what is written on it is lighter or darker.

import * as mats from "./mats.js";

const TINY = 20;
const MANY = 2 ** 16;
const [NEARLY, MOSTLY, NEARLY_ALL] = [10, 0.85, 0.998];
const [AREA, SHADOW] = [0.25, 0.5];
const SOFT_EDGE = 5;
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
  const inked = innerTone(picture);
  if (cv.countNonZero(inked) === 0) return null;
  const sheet = pixelsIn(picture, mats.inverted(inked));
  const paper = mats.median(sheet);
  if (longest(picture) > TINY) {
    const contrast = Math.abs(paper - mats.median(pixelsIn(picture, inked)));
    const tolerance = Math.max(NEARLY, (NEARLY / 100) * contrast);
    if (!isEven(sheet, tolerance, MOSTLY) || hasShadow(picture, inked, tolerance)) return null;
  }
  return mats.round(paper);
}

/** Where the tone is of which the picture, and its border, has less. */
function innerTone(picture) {
  let level;
  mats.given((out) => (level = cv.threshold(telling(picture), out, 0, 255, cv.THRESH_OTSU)));
  const bright = mats.above(picture, level);
  const lightPaper = mats.mean(bright.data) + mats.mean(border(bright, bright.data)) > 255;
  return lightPaper ? mats.inverted(bright) : bright;
}

/** As much of a picture as tells its tones: every other row of a large one. */
function telling(mat) {
  if (mat.rows * mat.cols <= MANY) return mat;
  const rows = mat.data.filter((_, i) => Math.floor(i / mat.cols) % 2 === 0);
  return mats.fromArray(Math.ceil(mat.rows / 2), mat.cols, cv.CV_8UC1, rows);
}

/** The values where a mask is not 0. */
function pixelsIn(picture, mask) {
  const where = telling(mask).data;
  return telling(picture).data.filter((_, i) => where[i] > 0);
}

/** Whether this share of the pixels is within so many grey values of their median. */
function isEven(pixels, tolerance, share) {
  const middle = mats.median(pixels);
  return pixels.filter((value) => Math.abs(value - middle) < tolerance).length >= share * pixels.length;
}

/** Whether the ink's tone is wider than strokes are, and is not a thick drawing that fills its picture. */
function hasShadow(picture, inked, tolerance) {
  return isWider(inked, AREA) && (isWider(inked, SHADOW) || !isAlone(picture, inked, tolerance));
}

/** Than this share of the picture's longer side, somewhere. */
function isWider(inked, share) {
  let small = inked;
  while (longest(small) > PAPER_SIDE && Math.min(small.rows, small.cols) > 1) small = halved(small);
  const side = Math.floor(share * longest(small));
  return mats.greatest(mats.eroded(small, mats.ones(side, side)).data) === 255;
}

/** Of four pixels one, which is 255 where all of them are. */
function halved(mask) {
  const [width, height] = [Math.floor(mask.cols / 2), Math.floor(mask.rows / 2)];
  const whole = mats.part(mask, { x: 0, y: 0, width: 2 * width, height: 2 * height });
  return mats.resized(whole, width, height, cv.INTER_AREA);
}

/** Whether one part of one tone is all there is on paper of another, soft edges aside. */
function isAlone(picture, inked, tolerance) {
  let parts;
  mats.given((out) => (parts = cv.connectedComponents(inked, out, 8, cv.CV_32S)));
  if (parts !== 2) return false;
  const softEdge = mats.ones(SOFT_EDGE, SOFT_EDGE);
  return [inked, mats.inverted(inked)].every((tone) => {
    const pixels = pixelsIn(picture, mats.eroded(tone, softEdge));
    return pixels.length === 0 || isEven(pixels, tolerance / 2, NEARLY_ALL);
  });
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
