// app/image.py: a picture becomes an MNIST image, by the same steps with the same functions of OpenCV. Why each is done
// stands there; the two are kept equal by a test that sends the same pictures both ways.

import { greyOf } from "./decoding.js";
import { BOX_LEVEL, FULL_INK, box, inkOf, strengthened, withoutSpecks, withoutSurroundings } from "./ink.js";
import * as mats from "./mats.js";

const SIZE = 28;
const LONGER_SIDE = 20;
const CENTRE_OF_MASS = 14;
const THINNEST = 1.8;

/** ImageData -> Uint8Array of 28 x 28, 0 = paper, 255 = ink. Throws `BlankPicture`. */
export function toMnist(pixels) {
  return mats.freeing(() => prepare(greyOf(pixels)).data.slice());
}

function prepare(brightness) {
  for (const same of [brightness, mats.inverted(brightness)]) if (isMnist(same)) return same;
  const strokes = inkOf(brightness);
  if (isMnist(strokes)) return strokes;
  return centre(fit(thickEnough(crop(withoutSpecks(withoutSurroundings(strokes))))));
}

/** Whether it is an MNIST image already: of its size and geometry to the pixel. */
function isMnist(picture) {
  if (picture.rows !== SIZE || picture.cols !== SIZE) return false;
  const { width, height } = cv.boundingRect(picture);
  const longer = Math.max(width, height);
  if (longer < LONGER_SIDE - 1 || longer > LONGER_SIDE || mats.greatest(picture.data) < FULL_INK) return false;
  const away = centreOfMass(picture).map((place) => Math.abs(place - CENTRE_OF_MASS));
  return Math.max(...away) <= 0.52;
}

/** The ink's box. */
function crop(strokes) {
  return mats.part(strokes, box(strokes));
}

/** A pen so thin that it would vanish when the digit is made small is thickened first. */
function thickEnough(strokes) {
  const factor = LONGER_SIDE / Math.max(strokes.rows, strokes.cols);
  if (factor > 0.5) return strokes;
  const by = mats.round(THINNEST / factor - strokeWidth(strokes));
  if (by < 1) return strokes;
  const around = Math.floor(by / 2) + 1;
  const sides = [around, around, around, around];
  const paper = new cv.Scalar(0, 0, 0, 0);
  const roomy = mats.given((out) => cv.copyMakeBorder(strokes, out, ...sides, cv.BORDER_CONSTANT, paper));
  return mats.dilated(roomy, mats.kernel(cv.MORPH_ELLIPSE, by + 1));
}

/** In pixels: twice the ink for each pixel of its edge. */
function strokeWidth(strokes) {
  const cross = mats.kernel(cv.MORPH_CROSS, 3);
  const inked = mats.morphed(mats.above(strokes, BOX_LEVEL), cv.MORPH_CLOSE, cross); // a dithered stroke is one stroke
  const edge = mats.without(inked, mats.eroded(inked, cross));
  return (2 * cv.countNonZero(inked)) / Math.max(1, cv.countNonZero(edge));
}

/** The longer side becomes 20 pixels, the other keeps the shape. */
function fit(strokes) {
  const factor = LONGER_SIDE / Math.max(strokes.rows, strokes.cols);
  const [width, height] = [strokes.cols, strokes.rows].map((side) => Math.max(1, mats.round(side * factor)));
  return strengthened(mats.resized(strokes, width, height, factor < 1 ? cv.INTER_AREA : cv.INTER_CUBIC));
}

/** On an empty image, moved by whole pixels so that the mass is in its middle. */
function centre(strokes) {
  const [y, x] = centreOfMass(strokes);
  const placed = (at, side) => Math.min(Math.max(mats.round(CENTRE_OF_MASS - at), 0), SIZE - side);
  const [top, left] = [placed(y, strokes.rows), placed(x, strokes.cols)];
  const image = new Uint8Array(SIZE * SIZE);
  for (let row = 0; row < strokes.rows; row++) image.set(strokes.ucharPtr(row), (top + row) * SIZE + left);
  return mats.fromArray(SIZE, SIZE, cv.CV_8UC1, image);
}

/** Row and column. */
function centreOfMass(strokes) {
  const { m00, m01, m10 } = cv.moments(strokes, false);
  return [m01 / m00, m10 / m00];
}
