// app/decoding.py's part that is not the browser's own: what a picture's colours mean.

import { fromArray, given, inverted, least, reduced } from "./mats.js";

const LONGEST_SIDE = 1024;
const COLOURFUL = 1.5;
export const MIN_CONTRAST = 24;

/** ImageData -> brightness, transparency on paper. */
export function greyOf({ width, height, data }) {
  const pixels = reduced(fromArray(height, width, cv.CV_8UC4, data), LONGEST_SIDE);
  const alpha = channel(pixels, 3);
  return onPaper(greyOfColours(given((out) => cv.cvtColor(pixels, out, cv.COLOR_RGBA2RGB))), alpha);
}

/** Brightness, or one colour's where the ink shows far better in it. */
function greyOfColours(pixels) {
  const brightness = given((out) => cv.cvtColor(pixels, out, cv.COLOR_RGB2GRAY));
  const byColour = deviations(pixels);
  const best = byColour.indexOf(Math.max(...byColour));
  return byColour[best] <= COLOURFUL * deviations(brightness)[0] ? brightness : channel(pixels, best);
}

function deviations(pixels) {
  return Array.from(given((out) => given((means) => cv.meanStdDev(pixels, means, out))).data64F);
}

function channel(pixels, index) {
  const [data, channels] = [pixels.data, pixels.channels()];
  const values = new Uint8Array(pixels.rows * pixels.cols);
  for (let i = 0; i < values.length; i++) values[i] = data[i * channels + index];
  return fromArray(pixels.rows, pixels.cols, cv.CV_8UC1, values);
}

/** Transparent parts become white paper, or black where white would swallow a light ink. */
function onPaper(brightness, alpha) {
  if (least(alpha.data) === 255) return brightness;
  const onBlack = given((out) => cv.multiply(brightness, alpha, out, 1 / 255));
  const onWhite = given((out) => cv.add(onBlack, inverted(alpha), out));
  return least(onWhite.data) > 255 - MIN_CONTRAST ? onBlack : onWhite;
}
