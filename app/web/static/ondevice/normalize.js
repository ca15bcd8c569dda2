// app/preprocessing/normalize.py: a picture becomes an image in MNIST's geometry.
//
// These files do what the Python modules of the same names do, with the same functions of OpenCV, so that a picture
// becomes the same image in the browser and in the service. The reasons for each step are given there. constants.js is
// made of the constants.json that they read; a test compares the images of both.

import { removeClutter } from "./clutter.js";
import { strokeWidth } from "./components.js";
import {
  CENTRE_OF_MASS,
  CENTRE_TOLERANCE,
  DIGIT_SIDE,
  FULL_INK,
  IMAGE_SIZE,
  WORKING_SIDE,
  WORKING_STROKE,
} from "./constants.js";
import { toGrayscale } from "./decode.js";
import { removeEnclosure } from "./enclosures.js";
import { crop, extractInk, removeSpecks, stretchContrast, thicken } from "./ink.js";
import * as mats from "./mats.js";
import { highest, round } from "./numbers.js";
import { halved, scaledSize } from "./scaling.js";

/** ImageData -> Uint8Array of 28 x 28, 0 background to 255 ink. Throws `BlankPicture`. */
export function toImage(pixels) {
  return mats.freeMatsAfter(() => preprocess(toGrayscale(pixels)).data.slice());
}

function preprocess(picture) {
  for (const candidate of [picture, mats.invert(picture)]) if (isMnist(candidate)) return candidate;
  const ink = extractInk(picture);
  if (isMnist(ink)) return ink;
  return centre(fit(thicken(crop(removeSpecks(removeEnclosure(reduce(removeClutter(ink))))))));
}

/** The ink's box, half as wide and high where it stays large and its strokes wide. */
function reduce(picture) {
  const ink = crop(picture);
  if (Math.max(ink.rows, ink.cols) < 2 * WORKING_SIDE) return ink;
  const half = stretchContrast(halved(ink));
  return strokeWidth(half) >= WORKING_STROKE ? half : ink;
}

/** Whether it is an MNIST image already: of MNIST's size and geometry to the pixel. */
function isMnist(picture) {
  if (picture.rows !== IMAGE_SIZE || picture.cols !== IMAGE_SIZE) return false;
  const { width, height } = cv.boundingRect(picture);
  const longer = Math.max(width, height);
  if (longer < DIGIT_SIDE - 1 || longer > DIGIT_SIDE || highest(picture.data) < FULL_INK) return false;
  return centreOfMass(picture).every((index) => Math.abs(index - CENTRE_OF_MASS) <= CENTRE_TOLERANCE);
}

/** The longer side becomes 20 pixels, and the aspect ratio stays. */
function fit(ink) {
  const scale = DIGIT_SIDE / Math.max(ink.rows, ink.cols);
  const interpolation = scale < 1 ? cv.INTER_AREA : cv.INTER_CUBIC;
  return stretchContrast(mats.resize(ink, scaledSize(ink, scale), interpolation));
}

/** On an empty image, moved by whole pixels so that the centre of mass is in the middle. */
function centre(ink) {
  const [y, x] = centreOfMass(ink);
  const start = (index, side) => Math.min(Math.max(round(CENTRE_OF_MASS - index), 0), IMAGE_SIZE - side);
  const top = start(y, ink.rows);
  const left = start(x, ink.cols);
  const image = new Uint8Array(IMAGE_SIZE * IMAGE_SIZE);
  for (let row = 0; row < ink.rows; row++) image.set(ink.ucharPtr(row), (top + row) * IMAGE_SIZE + left);
  return mats.fromArray(IMAGE_SIZE, IMAGE_SIZE, image);
}

/** Row and column, in pixel indices. */
function centreOfMass(ink) {
  const { m00, m01, m10 } = cv.moments(ink, false);
  return [m01 / m00, m10 / m00];
}
