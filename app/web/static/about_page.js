// What the pages about the models and about the service share: the language, the API key, loading and problems.

import "./about_translations.js";
import * as apiKey from "./api_key.js";
import { switchLanguage, translate, translatePage, translateProblem } from "./translations.js";

const $ = (id) => document.getElementById(id);

/**
 * Shows what `load({ apiKey })` resolves to as the elements of `render(answer)`, again every `refreshMs` while the page is
 * looked at, if given. `title`: the message that names the page.
 */
export function startPage({ title, load, render, refreshMs }) {
  let show = () => showMessage(translate("loadingPage"));
  const update = async () => {
    show = await attempt(load, render);
    show();
  };
  const translateAll = () => {
    translatePage();
    document.title = `digits: ${translate(title)}`;
    show();
  };
  apiKey.initialize(() => {
    apiKey.hideForm();
    update();
  });
  $("language").addEventListener("click", () => {
    switchLanguage();
    translateAll();
  });
  translateAll();
  update();
  if (refreshMs) setInterval(() => isInUse() || update(), refreshMs);
}

/** Nothing is replaced while nobody looks, and nothing that has the focus. */
function isInUse() {
  return document.hidden || !$("key").hidden || $("content").contains(document.activeElement);
}

/** Resolves to a function that shows the answer, or the problem, in the current language. */
async function attempt(load, render) {
  try {
    const answer = await load({ apiKey: apiKey.storedKey() });
    return () => {
      showMessage("");
      $("content").replaceChildren(...render(answer));
    };
  } catch (problem) {
    const message = problem.status === 401 ? messageOfForm() : () => translateProblem(problem).join(". ");
    return () => {
      showMessage(message());
      $("content").replaceChildren(); // what was true before may be no longer
    };
  }
}

function messageOfForm() {
  const refused = apiKey.showForm();
  return () => translate(refused ? "keyRefusedDetail" : "keyNeededDetail");
}

function showMessage(text) {
  if ($("message").textContent !== text) $("message").textContent = text;
}

// --- elements -------------------------------------------------------------------------------------------------------

export function element(tag, content, className = "") {
  const made = Object.assign(document.createElement(tag), { className });
  made.append(...[content].flat());
  return made;
}

/** A list of names and values: pairs of a message's key and a text. Those without a text are left out. */
export function facts(pairs) {
  const items = pairs.filter(([, text]) => text !== undefined);
  const rows = items.map(([key, text]) => element("div", [element("dt", translate(key)), element("dd", text)]));
  return element("dl", rows, "about-facts");
}

/** `columns`: keys of messages; `rows`: arrays of texts, the first of which names the row. Wide tables scroll. */
export function table(caption, columns, rows) {
  const head = element(
    "tr",
    columns.map((key) => scoped("col", translate(key))),
  );
  const labels = columns.slice(1).map((key) => translate(key));
  const body = rows.map(([name, ...cells]) =>
    element("tr", [scoped("row", name), ...cells.map((cell, place) => labelled(labels[place], cell))]),
  );
  const parts = [element("caption", caption), element("thead", head), element("tbody", body)];
  const frame = element("div", element("table", parts), "table");
  return Object.assign(frame, { tabIndex: 0, role: "group", ariaLabel: caption });
}

/** With its column's heading, which narrow screens show beside it. */
function labelled(label, text) {
  const cell = element("td", text);
  cell.dataset.label = label;
  return cell;
}

function scoped(scope, text) {
  return Object.assign(element("th", text), { scope });
}
