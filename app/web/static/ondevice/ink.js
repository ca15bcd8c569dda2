// app/preprocessing/ink.py: the foreground of a picture becomes ink, 0 to 255.

import { border, estimateBackground, isLightOnDark, uniformBackground } from "./background.js";
import { inkOnBands } from "./bands.js";
import { erase, withSoftEdges } from "./clutter.js";
import { binarize, strokeWidth } from "./components.js";
import {
  BLANK_NOISE,
  DIGIT_SIDE,
  EDGE_CUT_SIDE,
  FOREGROUND_LEVEL,
  FULL_INK,
  FULL_INK_QUANTILE,
  INSIDE_SHARE,
  MAX_REGIONS,
  MIN_BACKGROUND,
  MIN_CONTRAST,
  MIN_INK,
  MIN_INK_LIMIT,
  MIN_INK_NOISE,
  MIN_STROKE,
  NOISE_PER_MEDIAN,
  SATURATED_INK,
  SPECK_SHARE,
  STRONG_INK,
  THICKEN_BELOW,
  UNIFORM_BORDER,
} from "./constants.js";
import { removeEnclosure } from "./enclosures.js";
import { findCard, findCardByTone, findCell } from "./frames.js";
import * as mats from "./mats.js";
import { highest, lowest, median, quantile, round, upperMedian } from "./numbers.js";
import { removeFaintLines, removeRuledLines } from "./ruled_lines.js";

/** There is no ink on the picture. */
export class BlankPicture extends Error {}

/** The foreground of a picture, or of the card or cell in it that was written on. Throws `BlankPicture`. */
export function extractInk(picture, maxRegions = MAX_REGIONS) {
  let region = maxRegions ? findCell(picture) : null;
  if (!region) {
    const { ink, isUniform } = separateForeground(picture);
    region = maxRegions ? findCard(picture, binarize(ink)) : null;
    if (!region && maxRegions && !isUniform) region = findCardByTone(picture);
    if (!region || isEnclosed(ink)) return ink;
  }
  const written = extractInk(region.pixels, maxRegions - 1);
  const { data, cols } = picture;
  const ink = new Uint8Array(data.length);
  for (let y = 0; y < written.rows; y++) ink.set(written.ucharPtr(y), (region.y + y) * cols + region.x);
  return mats.fromArray(picture.rows, cols, ink);
}

/** The foreground, separated from the background and from ruled lines, and whether the background is uniform. Throws `BlankPicture`. */
function separateForeground(picture) {
  const edge = border(picture);
  const background = upperMedian(edge);
  if (background - lowest(edge) <= UNIFORM_BORDER && highest(edge) - background <= UNIFORM_BORDER) {
    return { ink: inkOnUniformBackground(picture, background), isUniform: true };
  }
  const onBands = inkOnBands(picture);
  if (onBands) return { ink: stretchContrast(onBands), isUniform: true };
  const uniform = uniformBackground(picture);
  const ink =
    uniform === null
      ? removeFaintLines(removeRuledLines(inkOnUnevenBackground(picture)))
      : removeRuledLines(inkOnUniformBackground(picture, uniform));
  if (highest(ink.data) <= FOREGROUND_LEVEL) throw new BlankPicture(); // all of it was ruled lines
  return { ink, isUniform: uniform !== null };
}

/** The difference to the background, darker or lighter, whichever is greater. */
function inkOnUniformBackground(picture, background) {
  const darker = background - lowest(picture.data);
  const lighter = highest(picture.data) - background;
  if (Math.max(darker, lighter) < MIN_CONTRAST) throw new BlankPicture();
  const sign = darker > lighter ? 1 : -1;
  return stretchContrast(mats.mapValues(picture, (value) => sign * (background - value)));
}

/** The light that ink absorbs. */
function inkOnUnevenBackground(picture) {
  const darkOnLight = isLightOnDark(picture) ? mats.invert(picture) : picture;
  const absorption = absorbedLight(darkOnLight, estimateBackground(darkOnLight));
  const full = Math.floor(quantile(absorption.data, FULL_INK_QUANTILE));
  const noise = NOISE_PER_MEDIAN * median(absorption.data);
  if (full < Math.max(MIN_CONTRAST, BLANK_NOISE * noise)) throw new BlankPicture();
  const weakest = Math.min(Math.max(MIN_INK * full, MIN_INK_NOISE * noise), MIN_INK_LIMIT * full);
  const gain = 255 / Math.max(1, SATURATED_INK * full - weakest);
  const { fround } = Math; // in float32, as NumPy computes it
  const ink = mats.mapValues(absorption, (value) => fround(fround(value - fround(weakest)) * fround(gain)));
  return stretchContrast(removeEdgeComponents(ink));
}

/** The share of the background's light, 255 for all of it. */
function absorbedLight(picture, background) {
  const light = mats.mapValues(background, (value) => Math.max(value, MIN_BACKGROUND));
  return mats.output((out) => cv.divide(mats.subtract(background, picture), light, out, 255));
}

/** The darkest ink becomes full ink, unless it nearly is. */
export function stretchContrast(ink) {
  const peak = highest(ink.data);
  if (!peak) throw new BlankPicture();
  return peak >= FULL_INK ? ink : mats.output((out) => cv.convertScaleAbs(ink, out, 255 / peak));
}

// --- what is no part of the digit ---

/** Without what the picture's edge cuts, where enough ink is inside. */
function removeEdgeComponents(ink) {
  if (Math.max(ink.rows, ink.cols) < EDGE_CUT_SIDE) return ink;
  const { labels, areas } = labelledComponents(ink);
  const cut = new Set(border(ink, labels));
  cut.delete(0);
  const areasOf = (test) => areas.filter((_, label) => label > 0 && test(label));
  const inside = areasOf((label) => !cut.has(label));
  const outside = areasOf((label) => cut.has(label));
  if (outside.length === 0 || inside.length === 0) return ink;
  if (Math.max(...inside) < INSIDE_SHARE * Math.max(...outside)) return ink;
  return erase(
    ink,
    maskOfComponents(ink, labels, (label) => cut.has(label)),
  );
}

/** Whether a ring or box is around the digit. A thick box with a digit in it is as solid as a card. */
function isEnclosed(picture) {
  const ink = crop(picture);
  return removeEnclosure(ink) !== ink;
}

/** The ink's box without dust and noise. Where there are specks, all that surrounds the other components goes. */
export function removeSpecks(picture) {
  const ink = crop(picture);
  const { labels, areas } = labelledComponents(ink);
  if (areas.length <= 2) return ink;
  const largest = Math.max(...areas);
  const isKept = areas.map((area, label) => label > 0 && area >= SPECK_SHARE * largest);
  if (isKept.filter(Boolean).length === areas.length - 1) return ink;
  return mats.bitwiseAnd(ink, withSoftEdges(maskOfComponents(ink, labels, (label) => isKept[label])));
}

/** The connected component of each pixel, 0 for none, and how much strong ink each component has, in pixels. */
function labelledComponents(ink) {
  const { count, labels } = mats.connectedComponents(binarize(ink));
  const areas = Array(count).fill(0);
  const { data } = ink;
  for (let i = 0; i < data.length; i++) if (data[i] > STRONG_INK) areas[labels[i]]++;
  return { labels, areas };
}

/** Of those whose label passes the test. */
function maskOfComponents({ rows, cols }, labels, test) {
  return mats.fromArray(
    rows,
    cols,
    labels.map((label) => (test(label) ? 255 : 0)),
  );
}

/** The box of the foreground. */
export function crop(ink) {
  return mats.crop(ink, cv.boundingRect(binarize(ink)));
}

/** A stroke so thin that it would vanish when the digit is reduced is dilated first. */
export function thicken(ink) {
  const scale = DIGIT_SIDE / Math.max(ink.rows, ink.cols);
  if (scale > THICKEN_BELOW) return ink;
  const by = round(MIN_STROKE / scale - strokeWidth(ink));
  if (by < 1) return ink;
  const padded = mats.pad(ink, Math.floor(by / 2) + 1);
  return mats.dilate(padded, mats.structuringElement(cv.MORPH_ELLIPSE, by + 1));
}
