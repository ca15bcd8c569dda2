// The right-hand side of the page: what was read, how sure, what the model saw and what decided.

import { percent, say, sayProblem } from "./words.js";

const LEVELS = [
  [0.99, "certain"],
  [0.95, "very"],
  [0.8, "likely"],
  [0, "perhaps"],
];
const SPOKEN_AFTER_MS = 600; // a screen reader is told what has stayed, not each guess on the way
const [FOR, NEUTRAL, AGAINST] = [[31, 78, 216], [176, 176, 176], [217, 88, 9]]; // as in /explain's own picture

const $ = (id) => document.getElementById(id);
const seen = $("seen").getContext("2d", { willReadFrequently: true });
const decided = $("decided").getContext("2d");
let bars = [];
let speech = 0;

/** Builds the ten bars; `onchoose(digit)` is called when one is chosen. */
export function prepare(onchoose) {
  bars = Array.from({ length: 10 }, (_, digit) => addBar(digit));
  $("bars").addEventListener("change", (event) => onchoose(Number(event.target.value)));
}

export function showEmpty(facts) {
  show("empty", "", say("waiting"), say("waitingDetail"));
  showFacts(facts);
}

export function showPrediction({ digit, confidence, probabilities, accepted }, facts) {
  const share = percent(confidence, 2);
  if (accepted) show("read", digit, say(LEVELS.find(([least]) => confidence >= least)[1]), share);
  else show("unsure", digit, say("noDigit"), say("noDigitDetail", { digit, percent: share }));
  showBars(probabilities, digit);
  showFacts(facts);
}

export function showReading({ text, digits }, facts) {
  const count = digits.length;
  const doubtful = digits.filter(({ accepted }) => !accepted).length;
  const least = percent(Math.min(...digits.map(({ confidence }) => confidence)), 2);
  const words = say(count === 1 ? "oneDigit" : "digits", { count, percent: least });
  if (count === 0) show("unsure", "", say("noDigits"), "");
  else show("read", text, words, doubtful ? say("doubtful", { count: doubtful }) : "");
  showFacts(facts);
}

/** `name`: of the picture it is about, if it has one. */
export function showProblem(problem, name, facts) {
  const [title, detail] = sayProblem(problem);
  show("problem", "", title, name ? `${name}: ${detail}` : detail);
  showFacts(facts);
}

/** The big digit and the words beside it. Bars and images are emptied: who has some fills them. */
function show(state, digit, words, detail) {
  $("main").dataset.state = state;
  $("digit").textContent = digit;
  $("digit").ariaHidden = String(state === "unsure"); // not to be read out as the answer
  $("words").textContent = words;
  $("detail").textContent = detail;
  speak([state === "unsure" ? "" : digit, words, detail]);
  showBars(Array(10).fill(0));
  for (const context of [seen, decided]) {
    context.clearRect(0, 0, 28, 28);
    context.canvas.ariaLabel = say("nothing");
  }
  $("decided-caption").textContent = "";
}

function speak(parts) {
  clearTimeout(speech);
  const text = parts.filter((part) => part !== "").join(", ");
  speech = setTimeout(() => ($("spoken").textContent = text), SPOKEN_AFTER_MS);
}

/** `bitmap`: the image the model saw. */
export function showSeen(bitmap, digit) {
  seen.drawImage(bitmap, 0, 0);
  $("seen").ariaLabel = say("seenLabel", { digit });
}

/** Its ink, blue where it speaks for the digit and orange where against. */
export function showExplanation({ digit, attributions }) {
  const most = Math.max(...attributions.flat().map(Math.abs)) || 1;
  const ink = seen.getImageData(0, 0, 28, 28).data;
  const pixels = new ImageData(28, 28);
  attributions.flat().forEach((value, i) => pixels.data.set([...colour(value / most, ink[4 * i] / 255), 255], 4 * i));
  decided.putImageData(pixels, 0, 0);
  $("decided").ariaLabel = say("decidedLabel", { digit });
  $("decided-caption").textContent = say("decided", { digit });
  bars[digit].input.checked = true;
}

function colour(strength, opacity) {
  const full = strength > 0 ? FOR : AGAINST;
  return NEUTRAL.map((grey, i) => 255 + opacity * (grey + Math.abs(strength) * (full[i] - grey) - 255));
}

function showBars(probabilities, best) {
  bars.forEach(({ row, input, value }, digit) => {
    row.classList.toggle("best", digit === best);
    row.style.setProperty("--probability", probabilities[digit]);
    value.textContent = best === undefined ? "" : percent(probabilities[digit], 1);
    input.disabled = best === undefined;
    input.checked = digit === best;
  });
}

function addBar(digit) {
  const row = $("bars").appendChild(document.createElement("label"));
  const input = row.appendChild(document.createElement("input"));
  Object.assign(input, { type: "radio", name: "explained", value: digit, className: "unseen" });
  const [label, bar, value] = ["label", "bar", "value"].map((name) => {
    const part = row.appendChild(document.createElement("span"));
    part.className = name;
    return part;
  });
  label.textContent = digit;
  bar.ariaHidden = "true";
  return { row, input, value };
}

function showFacts(facts) {
  $("facts").textContent = facts.filter(Boolean).join(" · ");
}

/** A frame around each digit that was found, with what it was read as. */
export function showBoxes(digits, place) {
  $("boxes").replaceChildren(
    ...digits.map(({ digit, accepted, box }) => {
      const frame = document.createElement("span");
      const [left, top, width, height] = place(box).map((share) => `${share * 100}%`);
      Object.assign(frame.style, { left, top, width, height });
      frame.className = accepted ? "box" : "box doubtful";
      frame.dataset.digit = accepted ? digit : `${digit}?`;
      return frame;
    }),
  );
}
