// app/preprocessing/components.py: the ink is binarized, and its connected components are told apart.

import {
  BORDER_COVERAGE,
  BORDERED_DIGIT,
  CRUMB_SHARE,
  EDGE_CUT_SIDE,
  FOREGROUND_LEVEL,
  FRAMED_INK,
  FRAMED_LENGTH,
  INSIDE_SHARE,
  LINE_ASPECT,
  LINE_OVERHANG,
  MAX_OUTLINES,
  NEAR_DISTANCE,
  RECTANGULARITY,
  RING_ASPECT,
  ROUNDNESS,
} from "./constants.js";
import * as mats from "./mats.js";
import { sum } from "./numbers.js";

/** The mask of the foreground. */
export function binarize(ink) {
  return mats.threshold(ink, FOREGROUND_LEVEL);
}

/**
 * The mean width in pixels: twice the foreground for each pixel of its edge.
 * At most the shorter side: ink that fills the picture has no edge, and kernels are as large as strokes are wide.
 */
export function strokeWidth(ink) {
  const cross = mats.structuringElement(cv.MORPH_CROSS, 3);
  const foreground = mats.morphology(binarize(ink), cv.MORPH_CLOSE, cross); // a dithered stroke is one stroke
  const edge = mats.subtract(foreground, mats.erode(foreground, cross));
  const width = (2 * cv.countNonZero(foreground)) / Math.max(1, cv.countNonZero(edge));
  return Math.min(width, ink.rows, ink.cols);
}

/** All of them, each as a box with its area and outlines; none where there are so many that most are noise. */
export function connectedComponents(foreground) {
  const outlines = mats.findOutlines(foreground, cv.RETR_CCOMP);
  if (outlines.length < 2 || outlines.length > MAX_OUTLINES) return [];
  const outlinesOf = new Map(); // each component's, by the index of the outer one
  outlines.forEach(({ outline, parent }, i) => {
    const outer = parent < 0 ? i : parent;
    outlinesOf.set(outer, [...(outlinesOf.get(outer) ?? []), outline]);
  });
  return Array.from(outlinesOf.values(), measureComponent);
}

function measureComponent(outlines) {
  const [area, ...holes] = outlines.map((outline) => cv.contourArea(outline));
  // An outline runs through the middle of the outermost pixels.
  const half = sum(outlines.map(({ rows }) => rows)) / 2;
  return { ...cv.boundingRect(outlines[0]), outlines, area: area + half - sum(holes) };
}

function gap(one, other) {
  const x = Math.max(one.x, other.x) - Math.min(one.x + one.width, other.x + other.width);
  const y = Math.max(one.y, other.y) - Math.min(one.y + one.height, other.y + other.height);
  return Math.hypot(Math.max(0, x), Math.max(0, y));
}

function boundingBox(boxes) {
  const x = Math.min(...boxes.map((box) => box.x));
  const y = Math.min(...boxes.map((box) => box.y));
  const right = Math.max(...boxes.map((box) => box.x + box.width));
  const bottom = Math.max(...boxes.map((box) => box.y + box.height));
  return { x, y, width: right - x, height: bottom - y };
}

function isWithin(inner, outer) {
  const isBeyondLeftAndTop = inner.x > outer.x && inner.y > outer.y;
  const isRightWithin = inner.x + inner.width < outer.x + outer.width;
  return isBeyondLeftAndTop && isRightWithin && inner.y + inner.height < outer.y + outer.height;
}

// --- what the picture's edge cuts ---

/** A neighbour of the digit or the lines of a table, where a digit lies inside a picture of this size. */
export function cutByEdge(components, { rows: height, cols: width }) {
  const isCut = ({ x, y, width: w, height: h }) => x === 0 || y === 0 || x + w === width || y + h === height;
  const cut = components.filter(isCut);
  const whole = components.filter((component) => !isCut(component));
  if (Math.max(height, width) < EDGE_CUT_SIDE || cut.length === 0 || whole.length === 0) return [];
  const digit = whole.reduce((best, component) => (component.area > best.area ? component : best));
  const isLong = Math.max(digit.width, digit.height) >= BORDERED_DIGIT * Math.max(height, width);
  const others = cut.filter((component) => !(isLong && isBorder(component, height, width)));
  if (digit.area < INSIDE_SHARE * Math.max(0, ...others.map(({ area }) => area))) return [];
  const near = NEAR_DISTANCE * Math.max(digit.width, digit.height);
  return cut.filter((box) => box.width === width || box.height === height || gap(box, digit) > near);
}

/** Whether it lies along a whole edge, as the black border of a scan, and may have far more ink than the digit. */
function isBorder({ outlines: [outline] }, height, width) {
  const points = outline.data32S;
  const along = { top: 0, bottom: 0, left: 0, right: 0 };
  for (let i = 0; i < points.length; i += 2) {
    const [x, y] = [points[i], points[i + 1]];
    if (y === 0) along.top++;
    if (y === height - 1) along.bottom++;
    if (x === 0) along.left++;
    if (x === width - 1) along.right++;
  }
  const [level, upright] = [Math.max(along.top, along.bottom), Math.max(along.left, along.right)];
  return level >= BORDER_COVERAGE * width || upright >= BORDER_COVERAGE * height;
}

// --- a printed box or ring ---

/** The box or ring that the other components stand in, alone in an array; an empty array if there is none. */
export function findPrintedFrame(components) {
  if (components.length === 0) return [];
  const frame = components.reduce((best, box) => (box.width * box.height > best.width * best.height ? box : best));
  const framed = components.filter((component) => isWithin(component, frame));
  const length = Math.max(0, ...framed.map(({ width, height }) => Math.max(width, height)));
  if (length < FRAMED_LENGTH * frame.height) return [];
  if (sum(framed.map(({ area }) => area)) < FRAMED_INK * frame.area) return [];
  return isRectangular(frame.outlines[0]) || isRing(frame.outlines[0]) ? [frame] : [];
}

/** Whether its convex hull fills the corners of the smallest rotated box around it. */
export function isRectangular(outline) {
  const { width, height } = cv.minAreaRect(outline).size;
  return cv.contourArea(convexHull(outline)) > RECTANGULARITY * width * height;
}

export function convexHull(outline) {
  return mats.output((out) => cv.convexHull(outline, out));
}

/** Whether its convex hull is round, and nearly as wide as high. A ring drawn by hand may be open. */
function isRing(outline) {
  const { width, height } = cv.minAreaRect(outline).size;
  const isRound = cv.contourArea(convexHull(outline)) > ROUNDNESS * width * height;
  return isRound && Math.min(width, height) > RING_ASPECT * Math.max(width, height);
}

// --- lines to write on ---

/** The lines that a digit was written on or between: level or upright, and extending beyond both of its ends. */
export function findGuideLines(components) {
  const lines = components.filter(isLine);
  const largest = Math.max(0, ...components.map(({ area }) => area)); // of a one with a speck beside it, the one
  const others = components.filter((component) => !lines.includes(component) && component.area > CRUMB_SHARE * largest);
  if (lines.length === 0 || others.length === 0) return [];
  const digit = boundingBox(others);
  return lines.filter((line) => isGuideLine(line, digit));
}

export function isLine({ width, height }) {
  return Math.min(width, height) < LINE_ASPECT * Math.max(width, height);
}

function isGuideLine(line, digit) {
  if (line.width > line.height) {
    const overhang = LINE_OVERHANG * digit.width;
    const isLonger = line.x < digit.x - overhang && line.x + line.width > digit.x + digit.width + overhang;
    return isLonger && (line.y + line.height <= digit.y || line.y >= digit.y + digit.height);
  }
  const overhang = LINE_OVERHANG * digit.height;
  const isLonger = line.y < digit.y - overhang && line.y + line.height > digit.y + digit.height + overhang;
  return isLonger && (line.x + line.width <= digit.x || line.x >= digit.x + digit.width);
}
