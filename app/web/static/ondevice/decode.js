// The part of app/preprocessing/decode.py that is not the browser's own: what colours and transparency become.

import { COLOUR_RATIO, LONGEST_SIDE, MIN_CONTRAST } from "./constants.js";
import * as mats from "./mats.js";
import { lowest } from "./numbers.js";
import { shrink } from "./scaling.js";

/** ImageData -> grayscale. */
export function toGrayscale({ width, height, data }) {
  const pixels = shrink(mats.fromRgba(height, width, data), LONGEST_SIDE);
  const alpha = channel(pixels, 3);
  return flatten(rgbToGrayscale(mats.output((out) => cv.cvtColor(pixels, out, cv.COLOR_RGBA2RGB))), alpha);
}

/** The brightness, or the colour in which the ink shows far better. */
function rgbToGrayscale(pixels) {
  const brightness = mats.output((out) => cv.cvtColor(pixels, out, cv.COLOR_RGB2GRAY));
  const deviations = standardDeviations(pixels);
  const best = deviations.indexOf(Math.max(...deviations));
  return deviations[best] <= COLOUR_RATIO * standardDeviations(brightness)[0] ? brightness : channel(pixels, best);
}

/** Of each channel. */
function standardDeviations(pixels) {
  return Array.from(mats.output((out) => mats.output((means) => cv.meanStdDev(pixels, means, out))).data64F);
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
