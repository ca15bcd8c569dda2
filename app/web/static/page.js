// The page: what is on the pad is sent, while it is drawn and when it is done, and the answer shown.

import * as answer from "./answer.js";
import { takePicture } from "./camera.js";
import { Problem, explain, health, predict, read } from "./digits.js";
import * as key from "./key.js";
import { Pad } from "./pad.js";
import * as place from "./place.js";
import { changeLanguage, say, translate } from "./words.js";

const LIVE_MS = 100; // between two questions while a stroke is drawn
const EXPLAIN_MS = 250; // after the pen was lifted: a digit of several strokes is explained once

const $ = (id) => document.getElementById(id);
const pad = new Pad($("pad"), $("pen"), changed);
let request = new AbortController();
let asking = false;
let asked = 0; // when
let sent; // what was on the paper then
let retry = 0;
let device = "";
let render = () => answer.showEmpty([device && say(device)]); // what is shown now, in whatever language

answer.prepare((digit) => explainNow(digit));
key.prepare(tryKey);
place.prepare(changePlace);
$("undo").addEventListener("click", () => pad.undo());
$("clear").addEventListener("click", () => pad.clear());
$("choose").addEventListener("click", () => chooseFile());
$("snap").addEventListener("click", snap);
$("file").addEventListener("change", chosen);
$("modes").addEventListener("change", (event) => changeMode(event.target.value));
$("language").addEventListener("click", () => (changeLanguage(), showAll()));
window.addEventListener("resize", () => pad.resize() && changed(true));
document.addEventListener("keydown", undoByKey);
document.addEventListener("paste", (event) => take(event, event.clipboardData));
document.addEventListener("drop", (event) => take(event, event.dataTransfer));
document.addEventListener("dragover", (event) => event.preventDefault()); // else the browser would open the file
document.addEventListener("dragenter", () => $("paper").classList.add("over"));
document.addEventListener("dragleave", (event) => $("paper").classList.toggle("over", event.relatedTarget !== null));
translate();
showAll();
showDevice();

// --- what is put on the paper ---

function chooseFile(capture) {
  $("file").toggleAttribute("capture", Boolean(capture));
  $("file").click();
}

function chosen() {
  const [file] = $("file").files;
  if (file) pad.show(file);
  $("file").value = ""; // so that the same file can be chosen again
}

async function snap() {
  if (!navigator.mediaDevices) return chooseFile("environment"); // without TLS: a phone's own camera program
  try {
    const picture = await takePicture($("camera"));
    if (picture) pad.show(picture);
  } catch {
    showNow(() => answer.showProblem({ title: say("camera"), detail: say("noCamera") }, undefined, facts()));
  }
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

function changeMode(mode) {
  $("main").dataset.mode = mode;
  pad.changeMode(mode);
  changed(true);
}

// --- asking ---

function changed(done) {
  clearTimeout(retry);
  if (pad.empty) answer.showBoxes([]); // else they stay until the next answer
  $("undo").disabled = $("clear").disabled = pad.empty;
  if (done) {
    request.abort();
    asking = false;
    $("answer").ariaBusy = String(!pad.empty);
    showPaper();
    if (pad.empty) showNow(() => answer.showEmpty(facts()));
    else ask(true);
  } else if (!asking && performance.now() - asked > LIVE_MS) {
    ask(false);
  }
}

/** What the service reads now. `done`: nothing more is coming, so it is worth an explanation. */
async function ask(done) {
  request.abort(); // the explanation of what was there before, too
  request = new AbortController();
  const { signal } = request;
  asking = true;
  asked = performance.now();
  sent = pad.content();
  try {
    if (pad.mode === "one") await askOne(done, signal);
    else await askSeveral(signal);
  } catch (problem) {
    if (done && !signal.aborted) showProblem(problem); // while drawing it may be too little yet
  } finally {
    if (!signal.aborted) {
      asking = false;
      $("answer").ariaBusy = String(!done);
    }
  }
}

async function askOne(done, signal) {
  const reader = await place.readerHere(key.apiKey());
  if (signal.aborted) return;
  const start = performance.now();
  const options = { returnImage: true, signal, retries: 0, apiKey: key.apiKey() };
  const { model, predictions } = await (reader ? reader.predict(sent) : predict(sent, options));
  const [prediction] = predictions;
  const took = performance.now() - start;
  const seen = prediction.seen ?? (await bitmapOf(prediction.image));
  if (signal.aborted) return;
  showNow(() => {
    answer.showPrediction(prediction, facts(model, took));
    answer.showSeen(seen, prediction.digit);
  });
  if (done) setTimeout(() => signal.aborted || explainNow(undefined, signal), EXPLAIN_MS);
}

async function askSeveral(signal) {
  if (place.isHere()) throw severalHere();
  const start = performance.now();
  const reading = await read(sent, { signal, retries: 0, apiKey: key.apiKey() });
  const took = performance.now() - start;
  if (signal.aborted) return;
  showNow(() => answer.showReading(reading, facts(reading.model, took)));
  answer.showBoxes(reading.digits, (box) => pad.place(box));
}

/** It adds to what is shown, so that nothing is lost where it does not come. */
async function explainNow(digit, signal = request.signal) {
  if (place.isHere()) return;
  const shown = render;
  const { explanation } = await explain(sent, { digit, signal, apiKey: key.apiKey() }).catch(() => ({}));
  if (!explanation || signal.aborted) return;
  showNow(() => {
    shown();
    answer.showExplanation(explanation);
  });
}

function severalHere() {
  return new Problem({
    type: "urn:digits:problem:several-here",
    title: "Several digits are read by the service alone",
    detail: "Choose one digit, or turn off that pictures are read on this device.",
    status: 0,
  });
}

async function bitmapOf(base64) {
  // Decoded here rather than by an <img> with a data: URL, which a strict content policy would forbid.
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  return createImageBitmap(new Blob([bytes], { type: "image/png" }));
}

// --- showing ---

function showNow(what) {
  render = what;
  render();
}

function showAll() {
  showPaper();
  render();
}

function showPaper() {
  place.showNote();
  $("paper").classList.toggle("used", !pad.empty);
  $("hint").textContent = say(pad.mode === "one" ? "hintOne" : "hintSeveral");
  $("unshown").textContent = pad.shown ? "" : say("unshown", { name: pad.picture.name });
}

function showProblem(problem) {
  if (problem.status === 401) return askForKey();
  answer.showBoxes([]);
  showNow(() => answer.showProblem(problem, pad.picture?.name, facts()));
  if (problem.retryAfter) retry = setTimeout(() => ask(true), problem.retryAfter * 1000);
}

function facts(model, milliseconds) {
  const where = place.isHere() ? "device" : device;
  return [
    model && say("model", model),
    where && say(where),
    milliseconds && say(place.isHere() ? "tookHere" : "took", { ms: Math.round(milliseconds) }),
  ];
}

async function showDevice() {
  try {
    device = (await health({ apiKey: key.apiKey() })).device === "cpu" ? "cpu" : "gpu";
    if (pad.empty) showAll();
  } catch (problem) {
    if (problem.status === 401) askForKey();
    // Any other is told, in words, with the first picture, where it helps.
  }
}

// --- the place where pictures are read ---

/** There is no explanation on this device, so its parts of the page are not to be used. */
function changePlace() {
  $("main").dataset.place = place.isHere() ? "here" : "service";
  $("bars").disabled = place.isHere();
  changed(true);
  if (pad.empty) place.readerHere(key.apiKey())?.catch(showProblem); // else the picture's question says what is wrong
}

// --- the key, where one is needed ---

function askForKey() {
  const [title, detail] = key.ask() ? ["keyRefused", "keyRefusedDetail"] : ["keyNeeded", "keyNeededDetail"];
  answer.showBoxes([]);
  showNow(() => answer.showProblem({ title: say(title), detail: say(detail) }, undefined, facts()));
}

async function tryKey() {
  await showDevice(); // which asks again where the key is refused
  if (!key.apiKey()) return;
  if (key.accept()) $("pad").focus();
  changed(true);
}
