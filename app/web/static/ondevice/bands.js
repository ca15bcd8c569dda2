// app/preprocessing/bands.py: a background in two or three bands from edge to edge.

import {
  BAND_BORDER,
  BAND_CONTRAST,
  BAND_EVENNESS,
  BAND_WRITING,
  BORDER_SHARE,
  CROSSED_EDGE,
  MAX_BANDS,
  MIN_BACKGROUND,
  MIN_BAND,
  MIN_BANDED_SIDE,
  MIN_CONTRAST,
} from "./constants.js";
import { isBroad, isConvex } from "./frames.js";
import * as mats from "./mats.js";
import { highest, lowest, range, round } from "./numbers.js";

/** What differs from the background of its band, darker or lighter; null if there are no bands. */
export function inkOnBands(picture) {
  if (Math.min(picture.rows, picture.cols) < MIN_BANDED_SIDE) return null;
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
  const isBanded = areBorders(picture, boundaries) && holdsWriting({ ink, rows, cols }, boundaries);
  return isBanded ? mats.fromArray(rows, cols, ink) : null;
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
  const reach = softEdge(width);
  const isAway = new Uint8Array(width).fill(1);
  for (const boundary of boundaries) isAway.fill(0, boundary - reach, boundary + reach);
  return isAway;
}

/** The columns on each side of a boundary that may be between the tones of its bands. */
const softEdge = (width) => 1 + round(BAND_BORDER * width);

/** Whether the bands differ nearly all along each boundary. */
function areBorders({ rows, cols, data }, boundaries) {
  const reach = softEdge(cols);
  return boundaries.every((boundary) => {
    let differing = 0;
    for (let y = 0; y < rows; y++) {
      const [before, after] = [data[y * cols + boundary - reach], data[y * cols + boundary + reach - 1]];
      if (Math.abs(before - after) >= BAND_CONTRAST / 2) differing++;
    }
    return differing / rows >= BORDER_SHARE;
  });
}

/** Whether there is writing on the bands, on the inner one of three. */
function holdsWriting({ ink, rows, cols }, boundaries) {
  const isAway = awayFrom(boundaries, cols);
  if (boundaries.length > 1) isAway.fill(0, 0, boundaries[0]).fill(0, boundaries[1]);
  const mask = mats.fromArray(
    rows,
    cols,
    ink.map((value, i) => (isAway[i % cols] && value > MIN_CONTRAST ? 1 : 0)),
  );
  const { width, height } = cv.boundingRect(mask);
  return Math.max(width, height) >= BAND_WRITING * rows && !isHole(mask, boundaries);
}

/** Whether the longest piece is apart from the boundaries, convex, broad and empty. */
function isHole(mask, boundaries) {
  const outlines = mats.findOutlines(mask, cv.RETR_TREE);
  if (!outlines.length) return false;
  const longest = outlines.reduce((best, other) => (other.outline.rows > best.outline.rows ? other : best));
  const { x, width } = cv.boundingRect(longest.outline);
  const reach = softEdge(mask.cols);
  const isApart = boundaries.every((boundary) => x > boundary + reach || x + width < boundary - reach);
  return isApart && longest.child < 0 && isBroad(longest.outline) && isConvex(longest.outline);
}
