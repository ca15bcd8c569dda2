// app/preprocessing/scaling.py

import * as mats from "./mats.js";
import { round } from "./numbers.js";

/** No side is longer than `longestSide`. */
export function shrink(mat, longestSide) {
  const scale = longestSide / Math.max(mat.rows, mat.cols);
  return scale >= 1 ? mat : mats.resize(mat, scaledSize(mat, scale), cv.INTER_AREA);
}

/** Of at least one pixel. */
export function scaledSize({ rows, cols }, scale) {
  return { width: Math.max(1, round(cols * scale)), height: Math.max(1, round(rows * scale)) };
}
