// Where pictures are read: by the service, or on this device, once what that takes is fetched.

import { open } from "./ondevice.js";
import { say } from "./words.js";

const $ = (id) => document.getElementById(id);
const field = $("ondevice");
const bar = $("loading");
let opening = new AbortController();
let reader = null; // a promise of what reads here
let note = "onDeviceOff";

/** `onchange()` is called when the switch is turned. */
export function prepare(onchange) {
  field.addEventListener("change", () => {
    close();
    onchange();
  });
}

/** Whether pictures stay on this device. */
export function isHere() {
  return field.checked;
}

/** What reads on this device, fetched on first use; null while the service does. Rejects with a `Problem`. */
export function readerHere(apiKey) {
  if (isHere()) reader ??= fetchReader(apiKey);
  return reader;
}

export function showNote() {
  $("place-note").textContent = say(note);
}

function close() {
  opening.abort();
  reader?.then((each) => each.close()).catch(() => {}); // it was never there
  reader = null;
  show("onDeviceOff");
}

async function fetchReader(apiKey) {
  opening = new AbortController();
  const { signal } = opening;
  show("onDeviceLoading");
  try {
    const opened = await open({ apiKey, signal, onprogress: (share) => (bar.value = share) });
    show("onDeviceOn");
    return opened;
  } catch (problem) {
    if (!signal.aborted) close(); // and nothing is sent: the next picture tries again
    throw problem;
  }
}

function show(words) {
  note = words;
  bar.hidden = words !== "onDeviceLoading";
  showNote();
}
