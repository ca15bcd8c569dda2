// app/preprocessing/punched_holes.py: a row of punched holes, or of the holes of a spiral, along an edge of the paper.

import { isLine } from "./components.js";
import {
  CRUMB_SHARE,
  HOLE_ASPECT,
  HOLE_AT_EDGE,
  HOLE_DISTANCE,
  HOLE_ROUNDNESS,
  HOLE_SIZES,
  LARGEST_HOLE,
  ROW_SLOPE,
} from "./constants.js";

// A span is a component as seen from an edge of the picture: { component, along, nearest, furthest }, in pixels.

/** The holes along one edge of a picture, where all else is further inside; none without a row. */
export function findPunchedHoles(components, { rows: height, cols: width }) {
  if (components.length < 3) return []; // two holes and a digit
  const largest = LARGEST_HOLE * Math.max(height, width);
  const holes = new Set(components.filter((component) => isHole(component, largest)));
  if (holes.size < 2) return [];
  for (const { spans, depth } of viewsFromEdges(components, height, width)) {
    const near = spans.filter((span) => holes.has(span.component) && depthOf(span) <= HOLE_AT_EDGE * depth);
    const row = rowOfOneSize(near.sort((one, other) => one.along - other.along));
    const others = spans.filter((span) => !row.includes(span));
    if (row.length >= 2 && isApart(row, others)) return row.map(({ component }) => component);
  }
  return [];
}

/** Whether it is small and round: a blob or a ring. */
function isHole({ width, height, outlines: [outline] }, largest) {
  const [shorter, longer] = [Math.min(width, height), Math.max(width, height)];
  const filled = cv.contourArea(outline) + outline.rows / 2;
  return longer <= largest && shorter >= HOLE_ASPECT * longer && filled >= HOLE_ROUNDNESS * shorter * longer;
}

/** All components as seen from the left, the right, the top and the bottom, and the picture's depth from there. */
function viewsFromEdges(components, height, width) {
  const view = (depth, spanOf) => ({ depth, spans: components.map((box) => ({ component: box, ...spanOf(box) })) });
  const alongX = ({ x, width: w }) => x + w / 2;
  const alongY = ({ y, height: h }) => y + h / 2;
  return [
    view(width, (box) => ({ along: alongY(box), nearest: box.x, furthest: box.x + box.width })),
    view(width, (box) => ({ along: alongY(box), nearest: width - box.x - box.width, furthest: width - box.x })),
    view(height, (box) => ({ along: alongX(box), nearest: box.y, furthest: box.y + box.height })),
    view(height, (box) => ({ along: alongX(box), nearest: height - box.y - box.height, furthest: height - box.y })),
  ];
}

/** Of its middle, from the edge. */
function depthOf({ nearest, furthest }) {
  return (nearest + furthest) / 2;
}

/** Those of one size in one line, which may slope with the paper, given in order; none if two are too close. */
function rowOfOneSize(holes) {
  if (holes.length === 0) return [];
  const size = lowMedian(holes.map(({ component }) => component.height));
  const alike = holes.filter(({ component }) => Math.abs(component.height - size) <= 1 + HOLE_SIZES * size);
  const depth = lowMedian(alike.map(depthOf));
  const reach = size / 2 + ROW_SLOPE * (alike.at(-1).along - alike[0].along);
  const row = alike.filter((span) => Math.abs(depthOf(span) - depth) <= reach);
  const isSpaced = row.every((span, i) => i === 0 || span.along - row[i - 1].along >= HOLE_DISTANCE * size);
  return isSpaced ? row : [];
}

/** The lower of the middle two, where there are two. */
function lowMedian(values) {
  return [...values].sort((one, other) => one - other)[Math.floor((values.length - 1) / 2)];
}

/** Whether something longer than the holes is further inside than they are, and only lines and crumbs are not. */
function isApart(row, others) {
  const longerSide = ({ component: { width, height } }) => Math.max(width, height);
  const beyond = Math.max(...row.map(({ furthest }) => furthest));
  const size = Math.max(...row.map(longerSide));
  const least = CRUMB_SHARE * Math.max(0, ...others.map(({ component }) => component.area));
  const isInside = ({ nearest }) => nearest >= beyond;
  const isWriting = ({ component }) => component.area > least && !isLine(component);
  return others.some((span) => isInside(span) && longerSide(span) > size) && others.filter(isWriting).every(isInside);
}
