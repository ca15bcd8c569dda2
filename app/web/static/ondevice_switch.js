// The switch that chooses who reads the pictures: the service, or this browser once it has downloaded the model.

import { keepReader } from "./offline.js";
import { loadReader } from "./ondevice_reader.js";
import { translate } from "./translations.js";

const STORAGE_KEY = "digits.onDevice";

const $ = (id) => document.getElementById(id);
const checkbox = $("ondevice");
const progressBar = $("loading");
let loading = new AbortController();
let readerPromise = null;
let note = null; // null while the service reads
let serviceNote;

/** Calls `onchange()` when the switch is turned. `noteOfService()`: the message that says what the service does. */
export function initialize(onchange, noteOfService) {
  serviceNote = noteOfService;
  checkbox.addEventListener("change", () => {
    localStorage.setItem(STORAGE_KEY, String(isOnDevice()));
    unload(null);
    onchange();
  });
}

/** Turns the switch as the visitor left it. */
export function restore() {
  if ($("place").hidden || localStorage.getItem(STORAGE_KEY) !== "true") return;
  checkbox.checked = true;
  checkbox.dispatchEvent(new Event("change"));
}

/** Whether pictures stay in this browser. */
export function isOnDevice() {
  return checkbox.checked;
}

/** The reader in this browser, loaded on first use; null while the service reads. Rejects with a `Problem`. */
export function onDeviceReader(apiKey) {
  if (isOnDevice()) readerPromise ??= load(apiKey);
  return readerPromise;
}

export function showNote() {
  const text = translate(note ?? serviceNote());
  if ($("place-note").textContent !== text) $("place-note").textContent = text; // screen readers hear each change
}

function unload(reason) {
  loading.abort();
  readerPromise?.then((reader) => reader.close()).catch(() => {}); // a reader that failed to load has nothing to close
  readerPromise = null;
  setNote(reason);
}

async function load(apiKey) {
  loading = new AbortController();
  const { signal } = loading;
  setNote("onDeviceLoading");
  try {
    const reader = await loadReader({ apiKey, signal, onprogress: showProgress });
    setNote("onDeviceOn");
    keepReader();
    return reader;
  } catch (problem) {
    if (!signal.aborted) unload("onDeviceFailed"); // the next picture tries again; none is sent to the service instead
    throw problem;
  }
}

function showProgress(fraction) {
  progressBar.value = fraction;
}

function setNote(message) {
  note = message;
  progressBar.hidden = message !== "onDeviceLoading";
  showNote();
}
