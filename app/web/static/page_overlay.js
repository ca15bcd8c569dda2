// What was found on the picture, drawn over it: the corners of the sheet of paper, the lines and their signs.

const SVG = "http://www.w3.org/2000/svg";
const overlay = document.getElementById("boxes");

export function clearOverlay() {
  overlay.replaceChildren();
}

/** `placement`: where the picture that was read lies on the drawing pad (`DrawingPad.placement`). */
export function showOverlay({ page, readings }, placement) {
  const outline = page.sheet ? [sheetOutline(page.sheet, placement)] : [];
  const lines = readings.map(({ accepted, box }) => frame(["line-box", !accepted && "doubtful"], box, placement));
  const signs = readings.flatMap((line) => line.signs).filter(({ kind }) => kind !== "space");
  overlay.replaceChildren(...outline, ...lines, ...signs.map((sign) => signBox(sign, placement)));
}

/** Marks the line at this index of the readings, or none of them. */
export function markLine(index) {
  for (const [i, line] of overlay.querySelectorAll(".line-box").entries()) line.classList.toggle("open", i === index);
}

function sheetOutline(corners, { left, top, scaleX, scaleY }) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 1 1");
  svg.setAttribute("preserveAspectRatio", "none");
  const polygon = svg.appendChild(document.createElementNS(SVG, "polygon"));
  polygon.setAttribute("points", corners.map(([x, y]) => `${left + x * scaleX},${top + y * scaleY}`).join(" "));
  return svg;
}

function signBox({ text, accepted, box }, placement) {
  const element = frame(["box", !accepted && "doubtful"], box, placement);
  element.dataset.text = accepted ? text : `${text}?`;
  return element;
}

function frame(classNames, [x, y, width, height], { left, top, scaleX, scaleY }) {
  const element = document.createElement("span");
  element.className = classNames.filter(Boolean).join(" ");
  const fractions = { left: left + x * scaleX, top: top + y * scaleY, width: width * scaleX, height: height * scaleY };
  for (const [side, fraction] of Object.entries(fractions)) element.style[side] = `${fraction * 100}%`;
  return element;
}
