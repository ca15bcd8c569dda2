// The page: what is on the pad is sent, and the answer shown.

import { health, predict } from "./digits.js";
import { Pad } from "./pad.js";

const WAIT_MS = 120; // between the strokes of a digit, so that a half-drawn one is mostly not sent
const WORDS = [
  [0.99, "Almost certain"],
  [0.95, "Very likely"],
  [0.8, "Likely"],
  [0, "Perhaps"],
];

const $ = (id) => document.getElementById(id);
const pad = new Pad($("pad"), changed);
const bars = Array.from({ length: 10 }, (_, digit) => addBar(digit));
let timer = 0;
let request = new AbortController();
let device = "";

$("undo").addEventListener("click", () => pad.undo());
$("clear").addEventListener("click", () => pad.clear());
$("choose").addEventListener("click", () => $("file").click());
$("file").addEventListener("change", chosen);
document.addEventListener("keydown", undoByKey);
document.addEventListener("paste", (event) => take(event, event.clipboardData));
document.addEventListener("drop", (event) => take(event, event.dataTransfer));
document.addEventListener("dragover", (event) => event.preventDefault()); // else the browser would open the file
document.addEventListener("dragenter", () => $("paper").classList.add("over"));
document.addEventListener("dragleave", (event) => $("paper").classList.toggle("over", event.relatedTarget !== null));
showEmpty();
showDevice();

function chosen() {
  const [file] = $("file").files;
  if (file) pad.show(file);
  $("file").value = ""; // so that the same file can be chosen again
}

function take(event, data) {
  event.preventDefault();
  $("paper").classList.remove("over");
  const [file] = data.files;
  if (file) pad.show(file);
}

function undoByKey(event) {
  if (event.key !== "z" || event.shiftKey || !(event.ctrlKey || event.metaKey)) return;
  event.preventDefault();
  pad.undo();
}

function changed() {
  request.abort();
  clearTimeout(timer);
  $("undo").disabled = $("clear").disabled = pad.empty;
  $("paper").classList.toggle("used", !pad.empty);
  $("unshown").textContent = pad.shown ? "" : `${pad.picture.name} cannot be shown here.`;
  if (pad.empty) showEmpty();
  else timer = setTimeout(read, WAIT_MS);
}

async function read() {
  request = new AbortController();
  const { signal } = request;
  $("answer").ariaBusy = "true";
  try {
    const picture = await pad.blob();
    const start = performance.now();
    const answer = await predict(picture, { returnImage: true, signal });
    showAnswer(answer, performance.now() - start);
    await showSeen(answer.predictions[0], signal);
  } catch (problem) {
    if (!signal.aborted) showProblem(problem);
  } finally {
    if (!signal.aborted) $("answer").ariaBusy = "false";
  }
}

function showEmpty() {
  show("empty", "", "Waiting for a digit", "It is read after every stroke.");
}

function showAnswer({ model, predictions: [prediction] }, milliseconds) {
  const { digit, confidence, probabilities, accepted } = prediction;
  if (accepted) {
    const [, words] = WORDS.find(([least]) => confidence >= least);
    show("read", digit, words, percent(confidence, 2));
  } else {
    show("unsure", digit, "Not sure this is a digit", `It is most like a ${digit}: ${percent(confidence, 2)}.`);
  }
  showBars(probabilities, digit);
  showFacts([`model ${model.name}, version ${model.version}`, device, `${Math.round(milliseconds)} ms there and back`]);
}

function showProblem({ title, detail, retryAfter }) {
  const name = pad.picture?.name;
  show("problem", "", title ?? "This page has a fault", name ? `${name}: ${detail}` : detail);
  if (retryAfter) timer = setTimeout(read, retryAfter * 1000);
}

/** The big digit and the words beside it; bars, image and facts are emptied, for those who have some to fill. */
function show(state, digit, words, detail) {
  $("main").dataset.state = state;
  $("digit").textContent = digit;
  $("digit").ariaHidden = String(state === "unsure"); // not to be read out as the answer
  $("words").textContent = words;
  $("detail").textContent = detail;
  $("answer").ariaBusy = "false";
  if (state === "empty" || state === "problem") {
    showBars(Array(10).fill(0));
    showFacts([device]);
    $("seen").getContext("2d").clearRect(0, 0, 28, 28);
    $("seen").ariaLabel = "Nothing yet";
  }
}

async function showSeen({ image, digit }, signal) {
  // Decoded here rather than by an <img> with a data: URL, which a strict content policy would forbid.
  const bytes = Uint8Array.from(atob(image), (character) => character.charCodeAt(0));
  const bitmap = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
  if (signal.aborted) return;
  $("seen").getContext("2d").drawImage(bitmap, 0, 0);
  $("seen").ariaLabel = `The 28 by 28 pixels in which the model saw a ${digit}`;
}

function showBars(probabilities, best) {
  bars.forEach(({ row, value }, digit) => {
    const probability = probabilities[digit];
    row.classList.toggle("best", digit === best);
    row.style.setProperty("--probability", probability);
    value.textContent = best === undefined ? "" : percent(probability, 1);
  });
}

function addBar(digit) {
  const row = $("bars").appendChild(document.createElement("li"));
  const [label, bar, value] = ["label", "bar", "value"].map((name) => {
    const part = row.appendChild(document.createElement("span"));
    part.className = name;
    return part;
  });
  label.textContent = digit;
  bar.ariaHidden = "true";
  return { row, value };
}

async function showDevice() {
  try {
    const state = await health();
    device = state.device === "cuda" ? "on the GPU" : "on the CPU";
    if (pad.empty) showFacts([device]);
  } catch {
    // The first picture says it, in words, where it helps.
  }
}

function showFacts(facts) {
  $("facts").textContent = facts.filter(Boolean).join(" · ");
}

/** Rounded down: 99.996 % is not 100 %. */
function percent(share, places) {
  const unit = 10 ** places;
  return `${(Math.floor(share * 100 * unit) / unit).toFixed(places)} %`;
}
