// The page: sends what is on the drawing pad, during and after each stroke, and shows the result.

import * as apiKey from "./api_key.js";
import { takePicture } from "./camera.js";
import * as connection from "./connection.js";
import { explain, health, Problem, predict, read } from "./digits.js";
import { DrawingPad } from "./drawing_pad.js";
import { keepPage } from "./offline.js";
import * as ondeviceSwitch from "./ondevice_switch.js";
import { clearOverlay, markLine, showOverlay } from "./page_overlay.js";
import * as readLines from "./read_lines.js";
import * as resultPanel from "./result_panel.js";
import * as samples from "./samples.js";
import { switchLanguage, translate, translatePage } from "./translations.js";
import * as useInCode from "./use_in_code.js";
import * as workbench from "./workbench_loader.js";

const LIVE_INTERVAL_MS = 100; // the shortest time between two requests while a stroke is being drawn
const OPTIONS = { one: { returnImage: true }, several: { alternatives: 5 } }; // readings of each line to choose from
const CAMERA_WIDTH = { one: 1280, several: 2560 }; // pixels
const EXPLAIN_DELAY_MS = 250; // after a stroke, so that a digit of several strokes is explained once

const $ = (id) => document.getElementById(id);
const pad = new DrawingPad({ canvas: $("pad"), pen: $("pen") }, onDrawingChange);
let controller = new AbortController(); // aborts the request in flight and its explanation
let inFlight = false;
let lastRequestAt = 0; // of performance.now()
let sentPicture;
let retryTimer = 0;
let device = "";
let render = renderEmpty; // shows the current result again, after a change of language

resultPanel.initialize((digit) => showExplanationOf(digit));
apiKey.initialize(onKeyEntered);
ondeviceSwitch.initialize(onSwitchTurned, () => workbench.privacyMessage(isStackShown()));
readLines.initialize(markLine);
samples.initialize(openSample);
useInCode.initialize(lastRequest);
workbench.initialize({
  apiKey: apiKey.storedKey,
  askForKey,
  chooseFiles: () => chooseFile(),
  draw: () => showStack(false),
  isOnDevice: ondeviceSwitch.isOnDevice,
  onPrivacy: ondeviceSwitch.showNote,
  onStack,
  useCamera,
});
$("undo").addEventListener("click", () => pad.undo());
$("clear").addEventListener("click", () => pad.clear());
$("choose").addEventListener("click", () => chooseFile());
$("snap").addEventListener("click", useCamera);
$("file").addEventListener("change", onFileChosen);
$("copy").addEventListener("click", copyText);
$("modes").addEventListener("change", (event) => changeMode(event.target.value));
$("show-stack").addEventListener("click", () => showStack(true));
$("language").addEventListener("click", onLanguageClick);
for (const change of ["online", "offline"]) window.addEventListener(change, () => pad.empty && render());
window.addEventListener("resize", () => pad.resize() && onDrawingChange(true));
document.addEventListener("keydown", onUndoKey);
document.addEventListener("paste", (event) => acceptFile(event, event.clipboardData));
document.addEventListener("drop", (event) => acceptFile(event, event.dataTransfer));
document.addEventListener("dragover", (event) => event.preventDefault()); // the browser would open the file
document.addEventListener("dragenter", () => $("paper").classList.add("over"));
document.addEventListener("dragleave", (event) => $("paper").classList.toggle("over", event.relatedTarget !== null));
translatePage();
showAll();
showDevice();
if (workbench.hasStack()) chooseMode("several");
ondeviceSwitch.restore();
keepPage();

// --- input: files, camera, keys ---

function chooseFile(capture) {
  $("file").toggleAttribute("capture", Boolean(capture));
  $("file").click();
}

function onFileChosen() {
  addFiles([...$("file").files]);
  $("file").value = ""; // so that choosing the same file again is a change too
}

async function useCamera() {
  if (!navigator.mediaDevices) return chooseFile("environment"); // without TLS: the phone's own camera app
  try {
    for (;;) {
      const picture = await takePicture($("camera"), CAMERA_WIDTH[pad.mode]);
      if (picture) addFiles([picture]);
      if (!picture || pad.mode === "one") return; // several are taken one after the other
    }
  } catch {
    showMessage("camera", "cameraUnavailable");
  }
}

function acceptFile(event, data) {
  if (event.type === "paste" && data.files.length === 0) return; // text, for a field
  event.preventDefault();
  $("paper").classList.remove("over");
  addFiles([...data.files]);
}

/** One picture is laid on the pad of the mode "one"; all others go to the stack. */
function addFiles(files) {
  if (files.length === 0) return; // text was dropped
  if (files.length > 1) chooseMode("several");
  if (pad.mode === "several") workbench.add(files).catch(showIncomplete);
  else pad.addPicture(files[0]);
}

function onUndoKey(event) {
  if (event.key !== "z" || event.shiftKey || !(event.ctrlKey || event.metaKey) || isStackShown()) return;
  event.preventDefault();
  pad.undo();
}

function openSample(mode, file) {
  chooseMode(mode);
  addFiles([file]);
}

function chooseMode(mode) {
  if (pad.mode === mode) return;
  $("modes").querySelector(`[value="${mode}"]`).checked = true;
  changeMode(mode);
}

/** A picture that proved to show several digits goes to the stack; strokes stay on the pad of their mode. */
function changeMode(mode) {
  const picture = mode === "several" && pad.picture;
  $("main").dataset.mode = mode;
  pad.changeMode(mode);
  onDrawingChange(true);
  if (mode === "several") workbench.open().catch(showIncomplete);
  if (picture) workbench.add([picture]).catch(showIncomplete);
}

function showIncomplete() {
  showMessage("incomplete", "incompleteDetail");
}

/** Sheets have come to the stack, or none is left. */
function onStack(isEmpty) {
  $("show-stack").hidden = isEmpty;
  showStack(!isEmpty);
}

function isStackShown() {
  return pad.mode === "several" && $("main").hasAttribute("data-stack");
}

/** Shows the stack in place of the drawing pad, or the pad again. */
function showStack(isShown) {
  $("main").toggleAttribute("data-stack", isShown);
  $("workbench").hidden = !isShown;
  ondeviceSwitch.showNote();
  if (!isShown) onDrawingChange(true); // the pad has its place again
}

// --- requests ---

/** `done`: false while a stroke is being drawn. */
function onDrawingChange(done) {
  clearTimeout(retryTimer);
  if (pad.empty) clearOverlay(); // otherwise they stay until the next result
  $("undo").disabled = $("clear").disabled = pad.empty;
  if (done) {
    controller.abort();
    inFlight = false;
    $("answer").ariaBusy = String(!pad.empty);
    showPaper();
    if (pad.empty) show(renderEmpty);
    else readDrawing(true);
    if (pad.picture && $("main").dataset.state === "empty") show(() => resultPanel.showReading(facts()));
  } else if (!inFlight && performance.now() - lastRequestAt > LIVE_INTERVAL_MS) {
    readDrawing(false);
  }
}

/** Reads what is on the pad now. `done`: the drawing is complete for now, so problems are shown and digits explained. */
async function readDrawing(done) {
  controller.abort(); // also the explanation of the previous drawing
  controller = new AbortController();
  const { signal } = controller;
  inFlight = true;
  lastRequestAt = performance.now();
  sentPicture = pad.content();
  try {
    if (pad.mode === "one") await readOne(done, signal);
    else await readSeveral(signal);
    if (!ondeviceSwitch.isOnDevice()) connection.markReached();
  } catch (problem) {
    if (done && !signal.aborted) showProblem(problem); // an unfinished stroke may be too short to read
  } finally {
    if (!signal.aborted) {
      inFlight = false;
      $("answer").ariaBusy = String(!done);
    }
  }
}

async function readOne(done, signal) {
  const key = apiKey.storedKey();
  const reader = await ondeviceSwitch.onDeviceReader(key);
  if (signal.aborted) return;
  const start = performance.now();
  const options = { ...OPTIONS.one, signal, retries: 0, apiKey: key };
  const { model, predictions } = await (reader ? reader.predict(sentPicture) : predict(sentPicture, options));
  const [prediction] = predictions;
  const elapsedMs = performance.now() - start;
  const modelInput = prediction.seen ?? (await decodePng(prediction.image));
  if (signal.aborted) return;
  if (!(done || prediction.accepted)) return; // half a digit is often none
  show(() => {
    resultPanel.showPrediction(prediction, facts(model, elapsedMs));
    resultPanel.showModelInput(modelInput, prediction.digit);
  });
  if (done) setTimeout(() => signal.aborted || showExplanationOf(undefined, signal), EXPLAIN_DELAY_MS);
}

async function readSeveral(signal) {
  if (ondeviceSwitch.isOnDevice()) throw severalOnDevice();
  const start = performance.now();
  const options = { ...OPTIONS.several, signal, retries: 0, apiKey: apiKey.storedKey() };
  const reading = await read(sentPicture, options);
  const elapsedMs = performance.now() - start;
  if (signal.aborted) return;
  show(() => resultPanel.showPage(reading, facts(reading.model, elapsedMs)));
  showOverlay(reading, pad.placement());
}

/** Adds the explanation of `digit`, or of the digit that was read, to the result. Without one, the result stays. */
async function showExplanationOf(digit, signal = controller.signal) {
  if (ondeviceSwitch.isOnDevice()) return;
  const renderResult = render;
  const options = { digit, signal, apiKey: apiKey.storedKey() };
  const { explanation } = await explain(sentPicture, options).catch(() => ({}));
  if (!explanation || signal.aborted) return;
  show(() => {
    renderResult();
    resultPanel.showExplanation(explanation);
  });
}

/** What `use_in_code.js` shows. */
function lastRequest() {
  const route = pad.mode === "one" ? "predict" : "read";
  return { route, options: OPTIONS[pad.mode], picture: sentPicture, sent: !ondeviceSwitch.isOnDevice() };
}

/** Why several digits cannot be read now, known before anything is written; undefined if they can. */
function severalUnavailable() {
  if (pad.mode === "one") return undefined;
  if (ondeviceSwitch.isOnDevice()) return severalOnDevice();
  return connection.isAway() || !navigator.onLine ? severalOffline() : undefined;
}

function severalOffline() {
  return new Problem({
    type: "urn:digits:problem:several-offline",
    title: "Several digits are read by the service",
    detail: "It cannot be reached now.",
    status: 0,
  });
}

function severalOnDevice() {
  return new Problem({
    type: "urn:digits:problem:several-here",
    title: "On this device, only one digit can be read",
    detail: "Switch to one digit, or turn off reading on this device.",
    status: 0,
  });
}

/** Decoded here, since the content security policy of the page forbids images with data: URLs. */
function decodePng(base64) {
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  return createImageBitmap(new Blob([bytes], { type: "image/png" }));
}

// --- output ---

function show(renderResult) {
  render = renderResult;
  render();
}

/** Before anything is drawn. */
function renderEmpty() {
  const problem = severalUnavailable();
  if (problem) resultPanel.showProblem(problem, { facts: facts() });
  else resultPanel.showEmpty(facts());
}

function showAll() {
  showPaper();
  render();
}

async function copyText() {
  await navigator.clipboard.writeText(readLines.chosenText());
  $("copy").textContent = translate("copied");
  resultPanel.announce([translate("copied")]);
}

function onLanguageClick() {
  switchLanguage();
  showAll();
  workbench.showAll();
}

function showPaper() {
  ondeviceSwitch.showNote();
  $("paper").classList.toggle("used", !pad.empty);
  if (pad.resize()) clearOverlay();
  $("hint").textContent = translate(pad.mode === "one" ? "hintOne" : "hintSeveral");
  $("unshown").textContent = pad.previewable ? "" : translate("noPreview", { name: pad.picture.name });
}

function showProblem(problem) {
  if (problem.status === 401) return askForKey();
  const away = connection.isUnreachable(problem);
  clearOverlay();
  show(() => resultPanel.showProblem(problem, { fileName: pad.picture?.name, facts: facts(), away }));
  if (problem.retryAfter) retryTimer = setTimeout(() => readDrawing(true), problem.retryAfter * 1000);
  else if (away) connection.waitUntilBack(onServiceBack);
}

/** Reads what was drawn meanwhile. */
function onServiceBack() {
  showDevice();
  if (pad.empty) render();
  else if ($("main").dataset.state === "problem") readDrawing(true);
}

/** Shows a problem of the page itself, by the keys of its messages. */
function showMessage(title, detail) {
  const problem = { title: translate(title), detail: translate(detail) };
  show(() => resultPanel.showProblem(problem, { facts: facts() }));
}

function facts(model, elapsedMs) {
  const onDevice = ondeviceSwitch.isOnDevice();
  const where = onDevice ? "device" : device;
  return [
    model && translate("model", model),
    where && translate(where),
    elapsedMs && translate(onDevice ? "duration" : "roundTrip", { ms: Math.round(elapsedMs) }),
  ];
}

async function showDevice() {
  try {
    device = (await health({ apiKey: apiKey.storedKey() })).device === "cpu" ? "cpu" : "gpu";
    if (pad.empty) showAll();
  } catch (problem) {
    if (problem.status === 401) askForKey();
    else if (connection.isUnreachable(problem)) connection.waitUntilBack(onServiceBack);
    // The first picture will meet any other problem, and show it.
  }
}

// --- reading on this device ---

/** The service alone explains its predictions, so the explanation is hidden while this browser reads. */
function onSwitchTurned() {
  $("main").dataset.reader = ondeviceSwitch.isOnDevice() ? "device" : "service";
  $("bars").disabled = ondeviceSwitch.isOnDevice();
  onDrawingChange(true);
  workbench.resume();
  // Without a drawing nothing else reports that the download failed.
  if (pad.empty) ondeviceSwitch.onDeviceReader(apiKey.storedKey())?.catch(showProblem);
}

// --- the API key, where the service requires one ---

function askForKey() {
  const refused = apiKey.showForm();
  clearOverlay();
  if (refused) showMessage("keyRefused", "keyRefusedDetail");
  else showMessage("keyNeeded", "keyNeededDetail");
}

async function onKeyEntered() {
  await showDevice(); // asks again if the service refuses the key
  if (!apiKey.storedKey()) return;
  if (apiKey.hideForm()) $("pad").focus();
  onDrawingChange(true);
  workbench.resume();
}
