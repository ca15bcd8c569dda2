// The part of app/preprocessing/decode.py that is not the browser's own: what colours and transparency become.

import { energy } from "./background.js";
import {
  COLOUR_NOISE,
  COLOUR_RATIO,
  COLOUR_SIDE,
  COLOUR_SPREAD,
  COLOUR_STROKE,
  LONGEST_SIDE,
  MIN_CONTRAST,
} from "./constants.js";
import * as mats from "./mats.js";
import { lowest, round } from "./numbers.js";
import { halved, shrink } from "./scaling.js";

const STROKE_WIDTHS = [COLOUR_STROKE, 2 * COLOUR_STROKE, 4 * COLOUR_STROKE];

/** ImageData -> grayscale. */
export function toGrayscale({ width, height, data }) {
  const pixels = shrink(mats.fromRgba(height, width, data), LONGEST_SIDE);
  const alpha = channel(pixels, 3);
  return flatten(rgbToGrayscale(mats.output((out) => cv.cvtColor(pixels, out, cv.COLOR_RGBA2RGB))), alpha);
}

/** The brightness, or the colour in which strokes show far better. */
function rgbToGrayscale(pixels) {
  const brightness = toBrightness(pixels);
  let small = pixels;
  while (Math.max(small.rows, small.cols) > COLOUR_SIDE) small = halved(small);
  const smallBrightness = toBrightness(small);
  if (highestDeviation(small) <= COLOUR_SPREAD * highestDeviation(smallBrightness)) return brightness;
  const contrasts = [0, 1, 2].map((index) => strokeContrast(channel(small, index)));
  const best = contrasts.indexOf(Math.max(...contrasts));
  const isFarBetter = contrasts[best] > COLOUR_RATIO * strokeContrast(smallBrightness);
  return isFarBetter ? channel(pixels, best) : brightness;
}

function toBrightness(pixels) {
  return mats.output((out) => cv.cvtColor(pixels, out, cv.COLOR_RGB2GRAY));
}

/** The greatest standard deviation of a channel. */
function highestDeviation(pixels) {
  return Math.max(...mats.output((out) => mats.output((means) => cv.meanStdDev(pixels, means, out))).data64F);
}

/** The share that narrow strokes have in a channel's variance: little where a highlighter's mark shows. */
function strokeContrast(picture) {
  let strokes = 0;
  for (const width of STROKE_WIDTHS) {
    const side = Math.max(3, round(width * Math.max(picture.rows, picture.cols))) | 1;
    const [dark, light] = [cv.MORPH_BLACKHAT, cv.MORPH_TOPHAT].map((hat) =>
      mats.morphology(picture, hat, mats.ones(side, side)),
    );
    strokes += Math.max(energy(dark), energy(light)) * (STROKE_WIDTHS[0] / width) ** 2;
  }
  return strokes / (highestDeviation(picture) ** 2 + COLOUR_NOISE ** 2);
}

function channel(pixels, index) {
  const data = pixels.data;
  const channels = pixels.channels();
  const values = new Uint8Array(pixels.rows * pixels.cols);
  for (let i = 0; i < values.length; i++) values[i] = data[i * channels + index];
  return mats.fromArray(pixels.rows, pixels.cols, values);
}

/** On a white background, or on black where light ink would vanish on white. */
function flatten(brightness, alpha) {
  if (lowest(alpha.data) === 255) return brightness;
  const onBlack = mats.output((out) => cv.multiply(brightness, alpha, out, 1 / 255));
  const onWhite = mats.output((out) => cv.add(onBlack, mats.invert(alpha), out));
  return lowest(onWhite.data) > 255 - MIN_CONTRAST ? onBlack : onWhite;
}
