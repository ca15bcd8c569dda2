// Loads the workbench of the mode "several" when it is first needed: one digit is read without it.

const STYLE = new URL("workbench/workbench.css", import.meta.url);
const OPEN_FLAG = "digits.stack"; // set by workbench/stack.js while there is a stack

let page;
let loading = null;
let loaded = null;

/** `toPage`: what the page does for the workbench, see `openWorkbench`. */
export function initialize(toPage) {
  page = toPage;
}

/** Whether an earlier visit has left a stack in this browser. */
export function hasStack() {
  return localStorage.getItem(OPEN_FLAG) !== null;
}

/** Resolves to the workbench. Rejects if its files cannot be loaded; the next call tries again. */
export function open() {
  loading ??= load().catch((error) => {
    loading = null;
    throw error;
  });
  return loading;
}

export async function add(files) {
  const workbench = await open();
  await workbench.add(files);
}

/** Shows its texts again, after a change of language. */
export function showAll() {
  loaded?.showAll();
}

/** The message that says what becomes of pictures while the service reads them. `isShown`: whether the stack is. */
export function privacyMessage(isShown) {
  return loaded ? loaded.privacyMessage(isShown) : "notStored";
}

/** Goes on after what it waited for. */
export function resume() {
  loaded?.resume();
}

async function load() {
  const [{ openWorkbench }] = await Promise.all([import("./workbench/workbench.js"), loadStyle()]);
  loaded = await openWorkbench(document.getElementById("workbench"), page);
  return loaded;
}

function loadStyle() {
  const link = document.createElement("link");
  link.rel = "stylesheet";
  link.href = STYLE;
  return new Promise((resolve) => {
    link.onload = link.onerror = resolve;
    document.head.append(link);
  });
}
