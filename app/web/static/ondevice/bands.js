// app/preprocessing/bands.py: a background in two or three bands from edge to edge.

import {
  BAND_BORDER,
  BAND_CONTRAST,
  BAND_EVENNESS,
  BAND_WRITING,
  CROSSED_EDGE,
  MAX_BANDS,
  MIN_BACKGROUND,
  MIN_BAND,
  MIN_CONTRAST,
} from "./constants.js";
import * as mats from "./mats.js";
import { highest, lowest, range, round } from "./numbers.js";

/** What differs from the background of its band, darker or lighter; null if there are no bands. */
export function inkOnBands(picture) {
  const ink = inkOnUprightBands(picture);
  if (ink) return ink;
  const across = inkOnUprightBands(mats.transpose(picture));
  return across && mats.transpose(across);
}

/** The same of bands from the top to the bottom. */
function inkOnUprightBands(picture) {
  const { rows, cols, data } = picture;
  const column = (x) => Uint8Array.from({ length: rows }, (_, y) => data[y * cols + x]);
  if (Math.max(range(column(0)), range(column(cols - 1))) > BAND_EVENNESS) return null;
  const background = backgroundOfColumns(data.subarray(0, cols), data.subarray((rows - 1) * cols));
  const boundaries = background && bandBoundaries(background);
  if (!boundaries) return null;
  const ink = data.map((value, i) => contrast(value, background[i % cols]));
  return holdsWriting({ ink, rows, cols }, boundaries) ? mats.fromArray(rows, cols, ink) : null;
}

/** Of all that darker ink can absorb on the background, or lighter ink can add to it. */
function contrast(value, background) {
  const most = Math.max(value < background ? background : 255 - background, MIN_BACKGROUND);
  return Math.min(Math.floor((Math.abs(value - background) * 255) / most), 255);
}

/** Where the two edges are alike, their mean; elsewhere, where ink reaches one, as on the left of it. */
function backgroundOfColumns(top, bottom) {
  const isAlike = (x) => Math.abs(top[x] - bottom[x]) <= BAND_EVENNESS;
  const background = new Uint8Array(top.length);
  let crossed = 0;
  let lastAlike = 0;
  for (let x = 0; x < top.length; x++) {
    if (isAlike(x)) lastAlike = x;
    else crossed++;
    background[x] = (top[lastAlike] + bottom[lastAlike]) >> 1;
  }
  return isAlike(0) && crossed <= CROSSED_EDGE * top.length ? background : null;
}

/** The first column of each band but the first; null if these are no bands. */
function bandBoundaries(background) {
  const [darkest, lightest] = [lowest(background), highest(background)];
  if (lightest - darkest < BAND_CONTRAST) return null;
  const isLight = Array.from(background, (value) => value > (darkest + lightest) >> 1);
  const boundaries = [];
  for (let x = 1; x < isLight.length; x++) if (isLight[x] !== isLight[x - 1]) boundaries.push(x);
  const ends = [...boundaries, background.length];
  const widths = ends.map((end, i) => end - (i ? ends[i - 1] : 0));
  if (widths.length > MAX_BANDS || Math.min(...widths) < MIN_BAND * background.length) return null;
  const isEven = awayFrom(boundaries, background.length);
  const tones = [false, true].map((light) => background.filter((_, x) => isEven[x] && isLight[x] === light));
  return tones.every((tone) => tone.length && range(tone) <= BAND_EVENNESS) ? boundaries : null;
}

/** The columns without the soft edges of the bands. */
function awayFrom(boundaries, width) {
  const reach = 1 + round(BAND_BORDER * width);
  const isAway = new Uint8Array(width).fill(1);
  for (const boundary of boundaries) isAway.fill(0, boundary - reach, boundary + reach);
  return isAway;
}

/** Whether there is more than the rough edges of the bands: of an upright stroke. */
function holdsWriting({ ink, rows, cols }, boundaries) {
  const isAway = awayFrom(boundaries, cols);
  const hasInk = (y) => isAway.some((away, x) => away && ink[y * cols + x] > MIN_CONTRAST);
  let top = 0;
  while (top < rows && !hasInk(top)) top++;
  let bottom = rows;
  while (bottom > top && !hasInk(bottom - 1)) bottom--;
  return bottom - top >= BAND_WRITING * rows;
}
