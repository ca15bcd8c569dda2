// The right-hand side of the page: the result, its confidence, the image that the model received and the explanation.

import { chosenText, clearLines, showLines } from "./read_lines.js";
import { formatPercent, translate, translateProblem } from "./translations.js";

// The lowest confidence of each verbal level, and the level's message.
const CONFIDENCE_LEVELS = [
  [0.99, "almostCertain"],
  [0.95, "veryLikely"],
  [0.8, "likely"],
  [0, "uncertain"],
];
const ANNOUNCE_DELAY_MS = 600; // screen readers announce the settled result, not every intermediate one
// RGB, as in the PNG of /explain.
const FOR = [31, 78, 216];
const NEUTRAL = [176, 176, 176];
const AGAINST = [217, 88, 9];

const $ = (id) => document.getElementById(id);
const modelInput = $("seen").getContext("2d", { willReadFrequently: true });
const explained = $("decided").getContext("2d");
let bars = [];
let announceTimer = 0;

/** Builds the ten bars. Calls `onchoose(digit)` when the user chooses one of them. */
export function initialize(onchoose) {
  bars = Array.from({ length: 10 }, (_, digit) => addBar(digit));
  $("bars").addEventListener("change", (event) => onchoose(Number(event.target.value)));
}

export function showEmpty(facts) {
  show("empty", "", translate("waiting"), translate("waitingDetail"));
  showFacts(facts);
}

/** Until the first result of a picture, which may take longer than one of a drawn digit. */
export function showReading(facts) {
  show("reading", "", translate("reading"), "");
  showFacts(facts);
}

export function showPrediction({ digit, confidence, probabilities, accepted }, facts) {
  const percent = formatPercent(confidence, 2);
  if (accepted) show("read", digit, translate(confidenceLevel(confidence)), percent);
  else show("unsure", digit, translate("notADigit"), translate("closestMatch", { digit, percent }));
  showBars(probabilities, digit);
  showFacts(facts);
}

function confidenceLevel(confidence) {
  const [, message] = CONFIDENCE_LEVELS.find(([lowest]) => confidence >= lowest);
  return message;
}

export function showPage({ digits, readings, page }, facts) {
  const count = digits.length;
  const uncertain = digits.filter(({ accepted }) => !accepted).length;
  const percent = formatPercent(Math.min(...digits.map(({ confidence }) => confidence)), 2);
  const summary = translate(count === 1 ? "oneDigit" : "digits", { count, percent });
  if (count === 0) show("unsure", "", translate("noDigits"), "");
  else show("read", "", summary, pageDetail(uncertain, page));
  showLines(readings);
  announce([chosenText(), $("words").textContent, $("detail").textContent]);
  showFacts(facts);
}

function pageDetail(uncertain, { turned }) {
  const parts = [
    uncertain > 0 && translate("uncertainDigits", { count: uncertain }),
    turned > 0 && translate("turned", { degrees: turned }),
  ];
  return parts.filter(Boolean).join(" · ");
}

/** `fileName`: of the picture that the problem is about, if it came from a file. `away`: the page waits for the service. */
export function showProblem(problem, { fileName, facts, away = false }) {
  const [title, cause] = translateProblem(problem);
  const detail = away ? `${cause} ${translate("retrying")}` : cause;
  show("problem", "", title, fileName ? translate("aboutFile", { name: fileName, detail }) : detail);
  showFacts(facts);
}

/** Shows the large digit and the words beside it, and clears the bars and both images. */
function show(state, digit, words, detail) {
  $("main").dataset.state = state;
  $("digit").textContent = digit;
  $("digit").ariaHidden = String(state === "unsure"); // a rejected digit is not announced as the result
  $("words").textContent = words;
  $("detail").textContent = detail;
  clearLines();
  announce([state === "unsure" ? "" : digit, words, detail]);
  showBars(Array(10).fill(0));
  for (const context of [modelInput, explained]) {
    context.clearRect(0, 0, 28, 28);
    context.canvas.ariaLabel = translate("noImage");
  }
  $("decided-caption").textContent = "";
  $("legend").classList.remove("shown");
}

/** Screen readers say the last of these texts, not every one while a digit is drawn. */
export function announce(parts) {
  clearTimeout(announceTimer);
  const text = parts.filter((part) => part !== "").join(", ");
  announceTimer = setTimeout(() => {
    $("spoken").textContent = text;
  }, ANNOUNCE_DELAY_MS);
}

/** Shows the image that the model received: an ImageBitmap of 28 x 28. */
export function showModelInput(bitmap, digit) {
  modelInput.drawImage(bitmap, 0, 0);
  $("seen").ariaLabel = translate("seenLabel", { digit });
}

/** Colours the ink of the model's input: blue where it is evidence for the digit, orange where against it. */
export function showExplanation({ digit, attributions }) {
  const strongest = Math.max(...attributions.flat().map(Math.abs)) || 1;
  const ink = modelInput.getImageData(0, 0, 28, 28).data;
  const pixels = new ImageData(28, 28);
  for (const [i, value] of attributions.flat().entries()) {
    pixels.data.set([...attributionColour(value / strongest, ink[4 * i] / 255), 255], 4 * i);
  }
  explained.putImageData(pixels, 0, 0);
  $("decided").ariaLabel = translate("decidedLabel", { digit });
  $("decided-caption").textContent = translate("decided", { digit });
  $("legend-for").textContent = translate("legendFor", { digit });
  $("legend-against").textContent = translate("legendAgainst");
  $("legend").classList.add("shown");
  bars[digit].input.checked = true;
}

/** RGB on white paper. `strength`: -1 (against) to 1 (for); `opacity`: of the ink, 0 to 1. */
function attributionColour(strength, opacity) {
  const extreme = strength > 0 ? FOR : AGAINST;
  return NEUTRAL.map((grey, i) => 255 + opacity * (grey + Math.abs(strength) * (extreme[i] - grey) - 255));
}

/** Without a `best` digit the bars are empty and disabled. */
function showBars(probabilities, best) {
  for (const [digit, { row, input, value }] of bars.entries()) {
    row.classList.toggle("best", digit === best);
    row.style.setProperty("--probability", probabilities[digit]);
    value.textContent = best === undefined ? "" : formatPercent(probabilities[digit], 1);
    input.disabled = best === undefined;
    input.checked = digit === best;
  }
}

function addBar(digit) {
  const row = $("bars").appendChild(document.createElement("label"));
  const input = row.appendChild(document.createElement("input"));
  Object.assign(input, { type: "radio", name: "explained", value: digit, className: "unseen" });
  const [label, bar, value] = ["label", "bar", "value"].map((className) => {
    const span = row.appendChild(document.createElement("span"));
    span.className = className;
    return span;
  });
  label.textContent = digit;
  bar.ariaHidden = "true";
  return { row, input, value };
}

function showFacts(facts) {
  $("facts").textContent = facts.filter(Boolean).join(" · ");
}
