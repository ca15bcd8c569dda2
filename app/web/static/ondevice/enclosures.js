// app/preprocessing/enclosures.py: a ring or box around the digit is found and erased.

import { binarize, strokeWidth } from "./components.js";
import {
  BEYOND_SHARE,
  BOX_BEYOND_SHARE,
  BUMP_KERNEL,
  CONIC_RIDGE,
  CORNER_KERNEL,
  DEEP_INSIDE,
  ELLIPSE_SHARE,
  ENCLOSED_SHARE,
  ENCLOSURE_EDGE,
  ENCLOSURE_GAP,
  ENCLOSURE_SIDE,
  FOREGROUND_LEVEL,
  FREE_HEIGHT,
  FREE_WRITING,
  LEAN_BY_ASPECT,
  OFF_MIDDLE,
  OUTLINE_BOW,
  OUTLINE_SHARE,
  RECTANGULARITY,
  SLASH_WIDTH,
  SOFT_EDGE_KERNEL,
  SOFT_EDGE_PIXELS,
  SOLID_CONVEXITY,
  THINNEST_OUTLINE,
  TOUCHING_WRITING,
  UPRIGHT_ASPECT,
} from "./constants.js";
import * as mats from "./mats.js";
import { highest, round, sum } from "./numbers.js";

const { fround } = Math; // distances are compared in float32, as NumPy compares them

/** Without the ring or box around the digit. Strokes that cross a ring are kept; a box that they cross stays. */
export function removeEnclosure(ink) {
  const foreground = binarize(ink);
  const cross = mats.structuringElement(cv.MORPH_CROSS, 3);
  const edge = cv.countNonZero(mats.subtract(foreground, mats.erode(foreground, cross)));
  if (edge < ENCLOSURE_EDGE * (ink.rows + ink.cols)) return ink;
  const enclosure = findEnclosure(foreground);
  if (!enclosure) return ink;
  const inside = eraseEnclosure(ink, foreground, enclosure);
  return cv.countNonZero(binarize(inside)) ? inside : ink; // what was all enclosure is writing
}

function findEnclosure(foreground) {
  const component = largestComponent(foreground);
  if (!component) return null;
  for (const solid of possibleSolids(component)) {
    const enclosure = measureEnclosure(solid, component);
    if (enclosure && hasDigit(enclosure, foreground)) return enclosure;
  }
  return null;
}

function without(mask, other) {
  return mats.bitwiseAnd(mask, mats.invert(other));
}

/** The mask of the pixels whose index passes the test. */
function maskWhere({ rows, cols }, test) {
  const values = new Uint8Array(rows * cols);
  for (let i = 0; i < values.length; i++) if (test(i)) values[i] = 255;
  return mats.fromArray(rows, cols, values);
}

/** The one with the largest box, if it may be an enclosure; else null. */
function largestComponent(foreground) {
  const labels = mats.empty();
  const stats = mats.empty();
  mats.output((centroids) => cv.connectedComponentsWithStats(foreground, labels, stats, centroids, 8, cv.CV_32S));
  let best = 0;
  let largest = 0;
  for (let label = 1; label < stats.rows; label++) {
    const [, , width, height] = stats.intPtr(label);
    if (width * height > largest) [best, largest] = [label, width * height];
  }
  if (best === 0) return null;
  const [, , width, height] = stats.intPtr(best);
  if (Math.min(width, height) < ENCLOSURE_SIDE) return null;
  const places = labels.data32S;
  return maskWhere(foreground, (i) => places[i] === best);
}

// --- the solid ---

/** Of a closed outline, of one with a gap, and of one with a wide gap that no stroke extends beyond. */
function* possibleSolids(component) {
  const radius = round(strokeWidth(component) / 2) + 1; // of a disc that no stroke beyond the outline holds
  const { width, height } = cv.boundingRect(component);
  const gap = round(ENCLOSURE_GAP * Math.min(width, height));
  for (const isClosed of [false, true]) {
    const closed = isClosed ? morphology(component, cv.MORPH_CLOSE, gap) : component;
    const filled = mats.fillOutlines(component, outlinesOf(closed));
    const area = cv.countNonZero(filled);
    if (area - cv.countNonZero(component) >= ENCLOSED_SHARE * area) yield morphology(filled, cv.MORPH_OPEN, radius);
  }
  yield mats.fillOutlines(component, [convexHull(longest(outlinesOf(component)))]);
}

/** Closed or opened by a disc. */
function morphology(mask, operation, radius) {
  const disc = mats.structuringElement(cv.MORPH_ELLIPSE, 2 * radius + 1);
  const result = mats.morphology(mats.pad(mask, radius + 1), operation, disc);
  return mats.crop(result, { x: radius + 1, y: radius + 1, width: mask.cols, height: mask.rows });
}

export function outlinesOf(mask) {
  return mats.findOutlines(mask, cv.RETR_EXTERNAL).map(({ outline }) => outline);
}

export function longest(outlines) {
  return outlines.reduce((best, outline) => (outline.rows > best.rows ? outline : best));
}

function convexHull(outline) {
  return mats.output((out) => cv.convexHull(outline, out));
}

/** A convex solid, round or rectangular, without the loops between it and strokes that cross it; else null. */
function withoutBumps(mask) {
  const outlines = outlinesOf(mask);
  if (outlines.length === 0) return null;
  const outline = longest(outlines);
  const [shorter] = sidesOf(outline);
  const hull = cv.contourArea(convexHull(outline));
  if (cv.contourArea(outline) < SOLID_CONVEXITY * hull || shorter < ENCLOSURE_SIDE) return null;
  const solid = mats.fillOutlines(mask, [outline]);
  if (isBox(openedBySquare(solid, CORNER_KERNEL * shorter))) return openedBySquare(solid, BUMP_KERNEL * shorter);
  return mats.bitwiseAnd(solid, ellipseAlong(outline, solid));
}

function openedBySquare(mask, size) {
  const side = round(size) | 1;
  return mats.morphology(mask, cv.MORPH_OPEN, mats.ones(side, side));
}

function isBox(solid) {
  const outlines = outlinesOf(solid);
  if (outlines.length === 0) return false;
  const { width, height } = cv.minAreaRect(longest(outlines)).size;
  return cv.countNonZero(solid) > RECTANGULARITY * width * height;
}

/** The ellipse along most of the outline's points, whatever is beyond it. */
function ellipseAlong(outline, { rows, cols }) {
  const { x: left, y: top, width, height } = cv.boundingRect(outline);
  const points = pointsOf(outline);
  const terms = points.map(([px, py]) => termsOfConic((px - left) / width - 0.5, (py - top) / height - 0.5));
  let coefficients = solveLeastSquares(terms);
  for (let pass = 0; pass < 3; pass++) {
    const values = Float64Array.from(terms, (row) => dot(row, coefficients));
    const limit = Math.max(1, values.slice().sort()[Math.floor(ELLIPSE_SHARE * values.length)]);
    coefficients = solveLeastSquares(terms.filter((_, i) => values[i] <= limit));
  }
  const [a, b, c, d, e] = coefficients;
  if (4 * a * c <= b * b) return mats.zeros(rows, cols); // no ellipse
  return maskWhere({ rows, cols }, (i) => {
    const x = ((i % cols) - left) / width - 0.5;
    const y = (Math.floor(i / cols) - top) / height - 0.5;
    return a * x ** 2 + d * x + (b * x + e + c * y) * y <= 1;
  });
}

export function pointsOf({ rows, data32S }) {
  return Array.from({ length: rows }, (_, i) => [data32S[2 * i], data32S[2 * i + 1]]);
}

function termsOfConic(x, y) {
  return [x * x, x * y, y * y, x, y];
}

function dot(one, other) {
  return sum(one.map((value, i) => value * other[i]));
}

/** The coefficients whose sum of terms is nearest to 1, by Gaussian elimination of the normal equations. */
function solveLeastSquares(terms) {
  const size = terms[0].length;
  const rows = Array.from({ length: size }, (_, i) => [
    ...Array.from({ length: size }, (_, j) => sum(terms.map((row) => row[i] * row[j])) + (i === j ? CONIC_RIDGE : 0)),
    sum(terms.map((row) => row[i])),
  ]);
  rows.forEach((pivot, i) => {
    for (const row of rows) {
      const factor = row === pivot ? 0 : row[i] / pivot[i];
      if (factor) for (let j = i; j <= size; j++) row[j] -= factor * pivot[j];
    }
  });
  return rows.map((row, i) => row[size] / row[i]);
}

// --- the outline ---

/** The enclosure along the edge of a solid; null if most of the edge is no line of one width. */
function measureEnclosure(solid, component) {
  const smooth = withoutBumps(solid);
  if (!smooth || cv.countNonZero(smooth) === 0) return null;
  const beyond = cv.countNonZero(without(component, smooth));
  if (beyond > (isBox(smooth) ? BOX_BEYOND_SHARE : BEYOND_SHARE) * cv.countNonZero(component)) return null;
  const depth = distancesWithin(smooth);
  const free = maskWhere(smooth, (i) => depth[i] > SOFT_EDGE_PIXELS && component.data[i] === 0);
  const edge = pointsOf(longest(outlinesOf(smooth))).map(([x, y]) => y * smooth.cols + x);
  const toFree = distancesTo(free);
  const toInk = distancesTo(component);
  const width = Float32Array.from(edge, (i) => toFree[i]).sort()[Math.floor(edge.length / 2)];
  if (width < 1) return null;
  const box = cv.boundingRect(smooth);
  const near = fround(1 + OUTLINE_BOW * Math.min(box.width, box.height));
  const isLine = edge.filter((i) => toFree[i] > fround(THINNEST_OUTLINE * width) && toInk[i] <= near);
  return isLine.length / edge.length >= OUTLINE_SHARE ? { component, depth, width } : null;
}

export function distancesTo(mask) {
  return mats.output((out) => cv.distanceTransform(mats.invert(mask), out, cv.DIST_L2, 3)).data32F.slice();
}

export function distancesWithin(mask) {
  const padded = mats.output((out) => cv.distanceTransform(mats.pad(mask, 1), out, cv.DIST_L2, 3));
  return mats.crop(padded, { x: 1, y: 1, width: mask.cols, height: mask.rows }).data32F.slice();
}

/** Whether ink well inside is as large as a digit and in the middle, and is no slash of a zero. */
function hasDigit(enclosure, foreground) {
  const { component, depth, width } = enclosure;
  const solid = maskWhere(foreground, (i) => depth[i] > 0);
  const edge = longest(outlinesOf(solid));
  const wellInside = fround(leastDepth(width));
  const strokes = outlinesOf(maskWhere(foreground, (i) => depth[i] > wellInside && foreground.data[i] > 0));
  const { height } = cv.boundingRect(edge);
  if (!areLarge(strokes, height, component)) return false;
  const writing = mats.fromPoints(strokes.flatMap(pointsOf));
  return isInMiddle(writing, edge) && (isBox(solid) || !isSlash(writing, edge, enclosure, solid.cols));
}

/** Whether one stroke that touches an enclosure that high, or all others together, are as large as a digit. */
function areLarge(strokes, height, component) {
  const isTouching = ({ data32S: [column, row] }) => component.data[row * component.cols + column] > 0;
  const touching = strokes.filter(isTouching);
  if (touching.some((stroke) => cv.boundingRect(stroke).height >= TOUCHING_WRITING * height)) return true;
  const free = strokes.filter((stroke) => !isTouching(stroke));
  if (free.length === 0) return false;
  const box = cv.boundingRect(mats.fromPoints(free.flatMap(pointsOf)));
  return box.height >= FREE_HEIGHT * height && Math.max(box.width, box.height) >= FREE_WRITING * height;
}

/** Of ink that is well inside of an outline of a width. */
function leastDepth(width) {
  return DEEP_INSIDE * width + SOFT_EDGE_PIXELS;
}

/** Of the smallest rotated box around an outline, the shorter one first. */
export function sidesOf(outline) {
  const { width, height } = cv.minAreaRect(outline).size;
  return [Math.min(width, height), Math.max(width, height)];
}

function isInMiddle(writing, edge) {
  const [inner, outer] = [cv.boundingRect(writing), cv.boundingRect(edge)];
  const across = Math.abs(inner.x - outer.x + (inner.width - outer.width) / 2) / outer.width;
  const down = Math.abs(inner.y - outer.y + (inner.height - outer.height) / 2) / outer.height;
  return Math.max(across, down) <= OFF_MIDDLE;
}

/** Whether it is a straight stroke from edge to edge of an oval. A one in a ring is upright, or ends inside. */
function isSlash(writing, edge, { depth, width }, cols) {
  const box = cv.boundingRect(writing);
  const [thickness] = sidesOf(writing);
  const [shorter, longer] = sidesOf(edge);
  const leastLean = LEAN_BY_ASPECT * (shorter / longer - UPRIGHT_ASPECT);
  if (thickness > SLASH_WIDTH * width + SOFT_EDGE_PIXELS || box.width - thickness <= leastLean * box.height)
    return false;
  const ends = [Infinity, Infinity];
  for (const [x, y] of pointsOf(writing)) {
    const end = y < box.y + box.height / 2 ? 0 : 1;
    ends[end] = Math.min(ends[end], depth[y * cols + x]);
  }
  return Math.max(...ends) - leastDepth(width) <= ENCLOSURE_GAP * shorter;
}

// --- erasing it ---

/** Without the outline and its loose ends. If no foreground would be left, nothing is erased. */
function eraseEnclosure(ink, foreground, { component, depth, width }) {
  const inner = fround(width + SOFT_EDGE_PIXELS);
  const far = fround(width / 2 + SOFT_EDGE_PIXELS);
  const grow = (mask, side) => mats.dilate(mask, mats.ones(side, side));
  const inside = maskWhere(ink, (i) => depth[i] > inner);
  const away = distancesTo(maskWhere(ink, (i) => depth[i] > 0));
  const others = without(foreground, component);
  const beyond = maskWhere(ink, (i) => away[i] > SOFT_EDGE_PIXELS && foreground.data[i] > 0);
  const outside = partsReaching(beyond, (i) => away[i] > far);
  let kept = [inside, grow(others, 3), grow(outside, 3)].reduce(mats.bitwiseOr);
  if (cv.countNonZero(outside) > 0) {
    const closed = mats.min(morphology(mats.bitwiseAnd(ink, kept), cv.MORPH_CLOSE, round(width) + 3), ink);
    const isDark = binarize(closed).data;
    let across = maskWhere(ink, (i) => inside.data[i] === 0 && outside.data[i] === 0 && isDark[i] > 0);
    for (const side of [outside, mats.bitwiseAnd(inside, foreground)]) {
      const near = grow(side, SOFT_EDGE_KERNEL).data;
      across = partsReaching(across, (i) => near[i] > 0);
    }
    kept = mats.bitwiseOr(kept, grow(across, 3));
  }
  const rest = mats.bitwiseAnd(ink, kept);
  const place = mats.bitwiseOr(inside, others).data;
  const digit = grow(
    partsReaching(binarize(rest), (i) => place[i] > 0),
    SOFT_EDGE_KERNEL,
  );
  const erased = mats.bitwiseAnd(rest, digit);
  return highest(erased.data) > FOREGROUND_LEVEL ? erased : ink;
}

/** The connected components that have pixels whose index passes the test. */
function partsReaching(mask, test) {
  const { labels } = mats.connectedComponents(mask);
  const isKept = new Set(labels.filter((_, i) => test(i)));
  isKept.delete(0);
  return maskWhere(mask, (i) => isKept.has(labels[i]));
}
