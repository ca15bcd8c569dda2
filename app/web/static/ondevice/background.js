// app/preprocessing/background.py: how bright the background is behind the ink, and whether it is lighter or darker.

import {
  BACKGROUND_SIDE,
  BACKGROUND_WINDOW,
  BRIGHTEST_QUANTILE,
  CERTAIN_SHADOW,
  EVENLY_LIT_SIDE,
  FLAT_BACKGROUND,
  FLAT_INK,
  HISTOGRAM_PIXELS,
  LIGHT_INK_RATIO,
  MAX_STROKE,
  MIN_CONTRAST,
  MIN_STROKE_KERNEL,
  POLARITY_STROKE,
  POSSIBLE_SHADOW,
  SOFT_EDGE_KERNEL,
  SOFT_EDGE_WIDTH,
  TOLERANCE_BY_CONTRAST,
  TWO_TONE_SHARE,
  UNIFORM_SHARE,
  UNIFORM_TOLERANCE,
} from "./constants.js";
import * as mats from "./mats.js";
import { highest, lowestReaching, mean, median, round } from "./numbers.js";
import { halved, shrink } from "./scaling.js";

/** The values along the four edges of a picture, of its own or of `data`. */
export function border({ rows, cols, data: pixels }, data = pixels) {
  const row = (y) => data.slice(y * cols, (y + 1) * cols);
  const column = (x) => Array.from({ length: rows }, (_, y) => data[y * cols + x]);
  return [...row(0), ...row(rows - 1), ...column(0), ...column(cols - 1)];
}

// --- a uniform background ---

/** The grey level of the background where ink reaches the picture's edge; null if it is not uniform. */
export function uniformBackground(picture) {
  const foreground = splitTones(picture);
  const inkTone = valuesWithin(picture, foreground);
  if (inkTone.length === 0) return null;
  const backgroundTone = valuesWithin(picture, mats.invert(foreground));
  const background = median(backgroundTone);
  if (longerSide(picture) > EVENLY_LIT_SIDE) {
    const ink = median(inkTone);
    const tolerance = Math.max(UNIFORM_TOLERANCE, TOLERANCE_BY_CONTRAST * Math.abs(background - ink));
    const isEven = isUniform(backgroundTone, tolerance, UNIFORM_SHARE) && !hasShadow(picture, foreground, tolerance);
    const onLight = background > ink ? picture : mats.invert(picture);
    if (!isEven && !hasSoftEdges(onLight, foreground, tolerance)) return null;
  }
  return round(background);
}

/** What differs from the background by more than half as much as anything; nothing where all are alike. */
export function otherTone(picture, background) {
  const contrast = mats.mapValues(picture, (value) => Math.abs(value - background));
  const most = highest(contrast.data);
  return mats.threshold(contrast, most < MIN_CONTRAST ? 255 : Math.floor(most / 2));
}

/** The mask of the tone that covers less of the picture and its border. */
export function splitTones(picture) {
  const bright = mats.threshold(picture, otsuLevel(sampledRows(picture)));
  const isMostlyBright = mean(bright.data) + mean(border(bright)) > 255;
  return isMostlyBright ? mats.invert(bright) : bright;
}

function otsuLevel(mat) {
  let level;
  mats.output((out) => {
    level = cv.threshold(mat, out, 0, 255, cv.THRESH_OTSU);
  });
  return level;
}

/** Enough rows to count the grey levels. */
function sampledRows(mat) {
  if (mat.rows * mat.cols <= HISTOGRAM_PIXELS) return mat;
  const rows = mat.data.filter((_, i) => Math.floor(i / mat.cols) % 2 === 0);
  return mats.fromArray(Math.ceil(mat.rows / 2), mat.cols, rows);
}

/** The counted grey levels where a mask is not 0. */
function valuesWithin(picture, mask) {
  const within = sampledRows(mask).data;
  return sampledRows(picture).data.filter((_, i) => within[i] > 0);
}

/** Whether this share of the values is within `tolerance` grey levels of their median. */
function isUniform(values, tolerance, share) {
  const middle = median(values);
  return values.filter((value) => Math.abs(value - middle) < tolerance).length >= share * values.length;
}

/** Whether the ink's tone is wider than strokes are, and is not a thick drawing that fills its picture. */
function hasShadow(picture, foreground, tolerance) {
  if (!isWider(foreground, POSSIBLE_SHADOW)) return false;
  return isWider(foreground, CERTAIN_SHADOW) || !isTwoToneShape(picture, foreground, tolerance);
}

/** Whether it is somewhere wider than this share of the picture's longer side. */
function isWider(foreground, share) {
  let small = foreground;
  while (longerSide(small) > BACKGROUND_SIDE && Math.min(small.rows, small.cols) > 1) small = halved(small);
  const side = Math.floor(share * longerSide(small));
  return highest(mats.erode(small, mats.ones(side, side)).data) === 255;
}

/** Whether the picture is one connected component in one tone on another tone, soft edges aside. */
function isTwoToneShape(picture, foreground, tolerance) {
  if (mats.connectedComponents(foreground).count !== 2) return false;
  const softEdge = mats.ones(SOFT_EDGE_KERNEL, SOFT_EDGE_KERNEL);
  return [foreground, mats.invert(foreground)].every((mask) => {
    const values = valuesWithin(picture, mats.erode(mask, softEdge));
    return values.length === 0 || isUniform(values, tolerance / 2, TWO_TONE_SHARE);
  });
}

/** Whether a picture with a light background has two tones, and edges as soft as those of an enlarged picture. */
function hasSoftEdges(picture, foreground, tolerance) {
  if (isWider(foreground, CERTAIN_SHADOW)) return false;
  if (!isFlatInside(picture, mats.invert(foreground), tolerance, FLAT_BACKGROUND)) return false;
  const isNarrow = !isWider(foreground, POSSIBLE_SHADOW);
  return isNarrow || isFlatInside(mats.invert(picture), foreground, tolerance, FLAT_INK);
}

/** Whether this share of the pixels within a mask, its soft edges aside, is nearly as bright as its brightest. */
function isFlatInside(picture, mask, tolerance, share) {
  const brightest = lowestReaching(valuesWithin(picture, mask), BRIGHTEST_QUANTILE);
  const reach = round(SOFT_EDGE_WIDTH * longerSide(picture));
  const inside = valuesWithin(picture, mats.erode(mask, mats.ones(2 * reach + 1, 2 * reach + 1)));
  return inside.filter((value) => value < brightest - tolerance).length <= (1 - share) * inside.length;
}

// --- an uneven background ---

/** The brightness of the background behind dark ink: the darker of two estimates on a small copy. */
export function estimateBackground(picture) {
  const small = shrink(picture, BACKGROUND_SIDE);
  const closed = mats.morphology(small, cv.MORPH_CLOSE, strokeKernel(small, MAX_STROKE));
  const darker = mats.min(localMedian(small), closed);
  const background = mats.output((out) => cv.blur(darker, out, new cv.Size(3, 3)));
  return mats.resize(background, { width: picture.cols, height: picture.rows }, cv.INTER_LINEAR);
}

/** Whether narrow strokes that are lighter than their local median outweigh the darker ones. */
export function isLightOnDark(picture) {
  const small = shrink(picture, BACKGROUND_SIDE);
  const usual = localMedian(small);
  const stroke = strokeKernel(small, POLARITY_STROKE);
  const dark = mats.min(mats.subtract(usual, small), mats.morphology(small, cv.MORPH_BLACKHAT, stroke));
  const light = mats.min(mats.subtract(small, usual), mats.morphology(small, cv.MORPH_TOPHAT, stroke));
  return energy(light) > LIGHT_INK_RATIO * energy(dark);
}

export function energy({ data }) {
  return data.reduce((total, value) => total + value * value, 0);
}

/** The median of a wide window around each pixel. */
function localMedian(picture) {
  const window = Math.min(255, Math.max(3, Math.floor(BACKGROUND_WINDOW * longerSide(picture)))) | 1;
  return mats.output((out) => cv.medianBlur(picture, out, window));
}

/** A square that is wider than strokes of this share of the picture's longer side. */
function strokeKernel(picture, width) {
  const side = Math.max(MIN_STROKE_KERNEL, round(width * longerSide(picture))) | 1;
  return mats.ones(side, side);
}

function longerSide({ rows, cols }) {
  return Math.max(rows, cols);
}
