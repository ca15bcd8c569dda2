// OpenCV's functions as Python has them: they return a new Mat. `cv` is OpenCV itself, which the worker loads.
// A Mat holds 8 bits in one channel, unless a comment says otherwise.

import { MAX_TRACED } from "./constants.js";

let allocated = [];

/** Returns what `work` returns, which is not a Mat, and frees the Mats that it made. */
export function freeMatsAfter(work) {
  try {
    return work();
  } finally {
    for (const mat of allocated) mat.delete();
    allocated = [];
  }
}

function allocate(mat) {
  allocated.push(mat);
  return mat;
}

/** The Mat that `write` writes to. */
export function output(write) {
  const mat = allocate(new cv.Mat());
  write(mat);
  return mat;
}

export const empty = () => allocate(new cv.Mat());
export const fromArray = (height, width, values) => allocate(cv.matFromArray(height, width, cv.CV_8UC1, values));
/** Four channels of 8 bits. */
export const fromRgba = (height, width, values) => allocate(cv.matFromArray(height, width, cv.CV_8UC4, values));
export const zeros = (height, width) => fromArray(height, width, new Uint8Array(height * width));
export const ones = (height, width) => fromArray(height, width, new Uint8Array(height * width).fill(1));
export const structuringElement = (shape, side) => allocate(cv.getStructuringElement(shape, new cv.Size(side, side)));

/** A rectangle of a picture, copied: filters in a view of the picture would see the pixels around it. */
export function crop(mat, { x, y, width, height }) {
  const view = allocate(mat.roi(new cv.Rect(x, y, width, height)));
  return output((out) => view.copyTo(out));
}

/** Each value becomes what `of` returns for it, rounded down and clipped to 0 to 255. */
export function mapValues(mat, of) {
  const table = Uint8ClampedArray.from({ length: 256 }, (_, value) => Math.floor(of(value)));
  return fromArray(
    mat.rows,
    mat.cols,
    mat.data.map((value) => table[value]),
  );
}

export const invert = (mat) => output((out) => cv.bitwise_not(mat, out));
export const bitwiseAnd = (a, b) => output((out) => cv.bitwise_and(a, b, out));
export const bitwiseOr = (a, b) => output((out) => cv.bitwise_or(a, b, out));
export const min = (a, b) => output((out) => cv.min(a, b, out));
export const max = (a, b) => output((out) => cv.max(a, b, out));
export const subtract = (a, b) => output((out) => cv.subtract(a, b, out));
export const transpose = (mat) => output((out) => cv.transpose(mat, out));
export const threshold = (mat, level) => output((out) => cv.threshold(mat, out, level, 255, cv.THRESH_BINARY));
export const erode = (mat, kernel) => output((out) => cv.erode(mat, out, kernel));
export const dilate = (mat, kernel) => output((out) => cv.dilate(mat, out, kernel));
export const morphology = (mat, operation, kernel) => output((out) => cv.morphologyEx(mat, out, operation, kernel));
export const resize = (mat, { width, height }, interpolation) =>
  output((out) => cv.resize(mat, out, new cv.Size(width, height), 0, 0, interpolation));

/** With a margin of zeros on each side. */
export function pad(mat, margin) {
  const zero = new cv.Scalar(0, 0, 0, 0);
  return output((out) => cv.copyMakeBorder(mat, out, margin, margin, margin, margin, cv.BORDER_CONSTANT, zero));
}

/** The connected component of each pixel, 0 for none, and how many there are, the 0 included. */
export function connectedComponents(mask) {
  let count;
  const labels = output((out) => {
    count = cv.connectedComponents(mask, out, 8, cv.CV_32S);
  });
  return { count, labels: labels.data32S.slice() };
}

/**
 * Each outline of a mask as a Mat, with the indices of its next sibling, its first child and its parent; -1: none.
 * Empty where there are more than `MAX_TRACED`.
 */
export function findOutlines(mask, mode) {
  const vector = allocate(new cv.MatVector());
  const hierarchy = output((out) => cv.findContours(mask, vector, out, mode, cv.CHAIN_APPROX_NONE)).data32S;
  if (vector.size() > MAX_TRACED) return [];
  return Array.from({ length: vector.size() }, (_, i) => ({
    outline: allocate(vector.get(i)),
    next: hierarchy[4 * i],
    child: hierarchy[4 * i + 2],
    parent: hierarchy[4 * i + 3],
  }));
}

/** An outline through points, each x and y. */
export const fromPoints = (points) => allocate(cv.matFromArray(points.length, 1, cv.CV_32SC2, points.flat()));

/** The mask of what is within outlines, but not within others of them. */
export function fillOutlines({ rows, cols }, outlines) {
  const mask = zeros(rows, cols);
  const vector = allocate(new cv.MatVector());
  for (const outline of outlines) vector.push_back(outline);
  cv.drawContours(mask, vector, -1, new cv.Scalar(255), cv.FILLED);
  return mask;
}
