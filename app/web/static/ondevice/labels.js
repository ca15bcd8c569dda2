// app/preprocessing/labels.py: a label that is no rectangle, round or with five sides or more.

import { otherTone } from "./background.js";
import { convexHull } from "./components.js";
import {
  CARD_RIM,
  LABEL_COMPACTNESS,
  LABEL_CONVEXITY,
  LABEL_EDGE,
  LEAST_MARGIN,
  MIN_WRITING,
  ONE_BY_MARGIN,
  ROUND_LABEL,
  UNEVEN_MARGIN,
  WRITING_BY_MARGIN,
  WRITING_COVERAGE,
} from "./constants.js";
import { distancesTo, distancesWithin, longest, outlinesOf, pointsOf, sidesOf } from "./enclosures.js";
import * as mats from "./mats.js";
import { median, round } from "./numbers.js";

/** Whether it is convex and as compact as a disc, a broad ellipse or a polygon of five sides or more. */
export function isLabel(outline) {
  const hull = convexHull(outline);
  const [area, perimeter] = [cv.contourArea(hull), cv.arcLength(hull, true)];
  const isCompact = 4 * Math.PI * area >= LABEL_COMPACTNESS * perimeter * perimeter;
  return isCompact && cv.contourArea(outline) + LABEL_EDGE * perimeter >= LABEL_CONVEXITY * area;
}

/** What is beside the label in each row becomes as bright as its edge is there: a ball is darker at the edge. */
export function extendRows(pixels, inside) {
  const { rows, cols, data } = pixels;
  const values = new Uint8Array(data.length);
  for (let y = 0; y < rows; y++) {
    const isInside = inside.data.subarray(y * cols, (y + 1) * cols);
    const first = Math.max(0, isInside.indexOf(255));
    const last = isInside.includes(255) ? isInside.lastIndexOf(255) : cols - 1;
    for (let x = 0; x < cols; x++) values[y * cols + x] = data[y * cols + Math.min(Math.max(x, first), last)];
  }
  return mats.fromArray(rows, cols, values);
}

/** The mask of what an outline encloses, eroded by the width of a card's rim. */
export function withoutRim(outline, card) {
  const rim = 3 + 2 * round(CARD_RIM * Math.max(card.rows, card.cols));
  const eroded = mats.erode(mats.pad(mats.fillOutlines(card, [outline]), 1), mats.ones(rim, rim));
  return mats.crop(eroded, { x: 1, y: 1, width: card.cols, height: card.rows });
}

/** The median of the pixels within a mask. */
export function backgroundOf({ data }, mask) {
  const isBackground = mask.data;
  return Math.floor(median(data.filter((_, i) => isBackground[i] > 0)));
}

/** Within a mask, and one tone around that. */
export function fillAround({ rows, cols, data }, inside, tone) {
  const isInside = inside.data;
  return mats.fromArray(
    rows,
    cols,
    data.map((value, i) => (isInside[i] > 0 ? value : tone)),
  );
}

/** Whether what is of another tone in a label is writing, or a smaller label with writing, as on a billiard ball. */
export function isWrittenOn(pixels, label, mayBeNested = true) {
  const background = backgroundOf(pixels, label);
  const writing = otherTone(fillAround(pixels, label, background), background);
  const outlines = outlinesOf(writing);
  if (outlines.length === 0) return false; // or too many to be traced
  const outline = longest(outlines);
  const { width, height } = cv.boundingRect(outline);
  if (Math.max(width, height) <= MIN_WRITING * Math.max(label.rows, label.cols)) return false;
  if (mayBeNested && isLabel(outline)) {
    const nested = withoutRim(outline, label);
    if (cv.countNonZero(nested) && isWrittenOn(pixels, nested, false)) return true;
  }
  return isWriting(mats.bitwiseAnd(mats.fillOutlines(writing, [outline]), writing), convexHull(outline), label);
}

/** Whether these strokes are a digit's, given their convex hull and the label that they are on. */
function isWriting(strokes, hull, label) {
  const edge = longest(outlinesOf(label));
  const margins = marginsAround(strokes, edge);
  const thickness = 2 * distancesWithin(strokes).reduce((most, distance) => Math.max(most, distance), 0);
  const [narrowest, median, widest] = [0, Math.floor(margins.length / 2), margins.length - 1].map((i) => margins[i]);
  if (narrowest < LEAST_MARGIN * Math.max(label.rows, label.cols)) return false;
  if (thickness > WRITING_BY_MARGIN * median) return false;
  if (cv.countNonZero(strokes) < WRITING_COVERAGE * cv.contourArea(hull)) return true;
  const isOne = thickness <= ONE_BY_MARGIN * median && widest > UNEVEN_MARGIN * narrowest;
  return isOne && isRound(edge);
}

function isRound(outline) {
  const [shorter, longer] = sidesOf(outline);
  return shorter >= ROUND_LABEL * longer;
}

/** The distances from the label's edge to what is written on it, in ascending order. */
function marginsAround(strokes, edge) {
  const distances = distancesTo(strokes);
  return Float32Array.from(pointsOf(edge), ([x, y]) => distances[y * strokes.cols + x]).sort();
}
