// The lines that were read on a page, with their doubtful signs marked. A line opens to its other readings, and the
// reading that is chosen there replaces the line's text.

import { formatPercent, translate } from "./translations.js";

const list = document.getElementById("lines");
const copyButton = document.getElementById("copy");
const choices = new WeakMap(); // a line of the service's answer -> the text chosen for it, while the answer is shown
let readings = [];
let onopen = () => {};

/** Calls `onopen(index)` when the user opens a line, and `onopen(-1)` when none is open any more. */
export function initialize(onLineOpened) {
  onopen = onLineOpened;
  copyButton.hidden = !navigator.clipboard; // browsers have it with TLS and on this machine only
}

export function clearLines() {
  showLines([]);
}

export function showLines(newReadings) {
  readings = newReadings;
  list.replaceChildren(...readings.map(lineItem));
  onopen(-1);
}

/** The lines as the user has chosen them, with a line break between them. */
export function chosenText() {
  return readings.map(textOf).join("\n");
}

function textOf(line) {
  return choices.get(line) ?? line.text;
}

function lineItem(line, index) {
  const item = document.createElement("li");
  const details = append(item, "details", { name: "line" }); // opening one closes the others
  const summary = append(details, "summary", {});
  const text = append(summary, "span", { className: "line-text" });
  const confidence = append(summary, "span", { className: "line-confidence" });
  showLine(line, { item, summary, text, confidence });
  const group = append(details, "fieldset", { className: "alternatives" });
  append(group, "legend", { className: "unseen", textContent: translate("alternatives", { number: index + 1 }) });
  for (const reading of line.alternatives) addAlternative(group, { line, index, reading });
  group.addEventListener("change", (event) => {
    choices.set(line, event.target.value);
    showLine(line, { item, summary, text, confidence });
  });
  details.addEventListener("toggle", () => onopen(openIndex()));
  return item;
}

function openIndex() {
  return [...list.children].findIndex((item) => item.firstChild.open);
}

/** As it was read, with its doubtful signs marked, or as the user has chosen it. */
function showLine(line, { item, summary, text, confidence }) {
  const chosen = textOf(line) !== line.text;
  const doubtful = chosen ? [] : line.signs.filter(isDoubtful);
  item.className = line.accepted || chosen ? "" : "doubtful";
  confidence.textContent = chosen ? translate("chosen") : confidenceOf(line);
  if (chosen) text.textContent = textOf(line);
  else text.replaceChildren(...line.signs.map(signElement));
  summary.ariaDescription = doubtful.map(doubtOf).join(", "); // screen readers do not read the titles of signs
  copyButton.textContent = translate("copy");
}

function confidenceOf({ confidence, accepted }) {
  const percent = formatPercent(confidence, 1);
  return accepted ? percent : translate("unsure", { percent });
}

function signElement(sign) {
  if (!isDoubtful(sign)) return document.createTextNode(sign.text);
  const className = sign.kind === "other" ? "unknown" : "";
  return Object.assign(document.createElement("mark"), { className, textContent: sign.text, title: doubtOf(sign) });
}

function isDoubtful({ kind, accepted }) {
  return !accepted || kind === "other"; // ink that is none of the signs
}

function doubtOf({ kind, text, confidence }) {
  if (kind === "other") return translate("unknownSign");
  const sign = kind === "space" ? translate("space") : text;
  return translate("unsureSign", { sign, percent: formatPercent(confidence, 1) });
}

function addAlternative(group, { line, index, reading }) {
  const label = append(group, "label", {});
  const { text } = reading;
  append(label, "input", { type: "radio", name: `line ${index}`, value: text, checked: text === textOf(line) });
  append(label, "span", { className: "line-text", textContent: text });
  append(label, "span", { className: "line-confidence", textContent: formatPercent(reading.probability, 1) });
}

function append(parent, tag, members) {
  return parent.appendChild(Object.assign(document.createElement(tag), members));
}
