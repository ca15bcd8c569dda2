// app/preprocessing/clutter.py: what is around a digit and no part of it.

import { binarize, connectedComponents, cutByEdge, findGuideLines, findPrintedFrame } from "./components.js";
import { FOREGROUND_LEVEL, SOFT_EDGE_KERNEL, STRONG_INK } from "./constants.js";
import * as mats from "./mats.js";
import { highest } from "./numbers.js";
import { findPunchedHoles } from "./punched_holes.js";

/** Without the box, ring or lines around the digit, punched holes, and what the picture's edge cuts beside it. */
export function removeClutter(picture) {
  let ink = picture;
  let components = connectedComponents(binarize(ink));
  if (components.length === 0 || components.length > 2) {
    ink = removePunchedHoles(picture); // two holes and a digit; or none, since there are too many
    if (ink !== picture) components = connectedComponents(binarize(ink));
  }
  const clutter = findClutter(components, ink);
  return clutter.size ? erase(ink, fillComponents([...clutter], ink)) : ink;
}

/** Holes are dark: ruled lines that touch them, and shadows, are mostly not. */
function removePunchedHoles(ink) {
  const holes = findPunchedHoles(connectedComponents(mats.threshold(ink, STRONG_INK)), ink);
  return holes.length ? erase(ink, fillComponents(holes, ink)) : ink;
}

/** All components that are not part of the digit in a picture of this size. */
function findClutter(components, size) {
  const clutter = new Set(cutByEdge(components, size));
  for (const find of [findPrintedFrame, findGuideLines]) {
    for (const component of find(components.filter((other) => !clutter.has(other)))) clutter.add(component);
  }
  return clutter;
}

function fillComponents(components, size) {
  return components.map(({ outlines }) => mats.fillOutlines(size, outlines)).reduce(mats.bitwiseOr);
}

/** Without the ink within a mask and its soft edges. If no foreground would be left, nothing is erased. */
export function erase(ink, mask) {
  const rest = mats.bitwiseAnd(ink, mats.invert(withSoftEdges(mask)));
  return highest(rest.data) > FOREGROUND_LEVEL ? rest : ink;
}

export function withSoftEdges(mask) {
  return mats.dilate(mask, mats.ones(SOFT_EDGE_KERNEL, SOFT_EDGE_KERNEL));
}
