// The elements of the workbench and where they stand.

import { translatePage } from "../translations.js";
import { button, element } from "./elements.js";

/** `commands`: what the buttons do, by name. `parts`: the list, the picture, the lines and the template. */
export function layOutBench(root, commands, { list, view, editor, template }) {
  const bench = {
    summary: element("p", { id: "stack-summary" }),
    notice: element("p", { id: "stack-notice", hidden: true, attributes: { role: "status" } }),
    retryAll: button("retryAll", commands.retryAll, { hidden: true }),
    next: button("nextDoubtful", commands.next, { attributes: { "aria-keyshortcuts": "n" } }),
    undo: button("undo", commands.undo, { disabled: true, attributes: { "aria-keyshortcuts": "u" } }),
    tryNow: button("tryNow", commands.tryNow, { hidden: true }),
    spoken: element("p", { className: "unseen", id: "stack-spoken", attributes: { role: "status" } }),
    ...pictureHead(commands),
    ...givingBackSwitch(commands),
  };
  const picture = element("div", { className: "picture-pane" }, bench.head, view.note, view.root);
  const lines = element("div", { className: "lines-pane" }, editor.panel, editor.list);
  root.replaceChildren(
    stackTools(commands),
    element("div", { className: "summary-row" }, bench.summary, bench.retryAll, bench.next, bench.undo),
    element("div", { className: "notice" }, bench.notice, bench.tryNow),
    element("div", { className: "panes" }, list.root, picture, lines),
    footer(bench, template),
    bench.spoken,
  );
  return bench;
}

function stackTools(commands) {
  const input = element("div", { className: "group" });
  input.append(
    button("addPictures", commands.choose, { label: "addPicturesLong", className: "primary" }),
    button("camera", commands.camera, { label: "cameraLong" }),
    button("drawInstead", commands.draw),
  );
  const output = element("div", { className: "group" });
  output.append(
    button("copyTable", commands.copy),
    button("saveCsv", commands.csv),
    button("saveJson", commands.json),
    button("clearStack", commands.clear, { label: "clearStackLong" }),
  );
  return element("div", { className: "stack-tools" }, input, output);
}

function pictureHead(commands) {
  const name = element("h3", { id: "sheet-name" });
  const state = element("p", { id: "sheet-state" });
  const pages = element("span", { className: "pages", hidden: true });
  const page = element("span", { id: "page-number" });
  pages.append(
    button("previousSign", () => commands.page(-1), { label: "previousPage" }),
    page,
    button("nextSign", () => commands.page(1), { label: "nextPage" }),
  );
  const retry = button("retry", commands.retry, { hidden: true });
  const picture = element("span", { className: "picture-buttons" });
  picture.append(
    button("minus", () => commands.zoom(-1), { label: "zoomOut" }),
    button("plus", () => commands.zoom(1), { label: "zoomIn" }),
    button("turn", commands.turn, { label: "turnLong" }),
    button("crop", commands.crop, { label: "cropLong" }),
  );
  const tools = element(
    "div",
    { className: "picture-tools" },
    pages,
    picture,
    retry,
    button("remove", commands.remove),
  );
  const head = element("div", { className: "picture-head" }, element("div", {}, name, state), tools);
  return { head, name, state, pages, page, retry, pictureButtons: picture };
}

function givingBackSwitch(commands) {
  const box = element("input", { type: "checkbox", id: "give-back", autocomplete: "off" });
  box.setAttribute("role", "switch");
  box.setAttribute("aria-describedby", "give-back-note");
  box.addEventListener("change", () => commands.giveBack(box.checked));
  const label = element("label", {}, box, element("span", { data: { say: "giveBack" } }));
  const note = element("p", { id: "give-back-note", data: { say: "giveBackNote" } });
  const count = element("p", { id: "give-back-count", attributes: { role: "status" } });
  return {
    giveBack: element("div", { className: "give-back", hidden: true }, label, note, count),
    giveBackCount: count,
  };
}

function footer({ giveBack }, template) {
  const keys = element(
    "details",
    { className: "keys" },
    element("summary", { data: { say: "keys" } }),
    element("p", { data: { say: "keysHelp" } }),
  );
  return element("div", { className: "bench-foot" }, giveBack, template.root, keys);
}

/** Asks before work is lost. `message`: of the button that goes on. Resolves to whether the user does. */
export function confirmLoss(question, message) {
  const dialog = element("dialog", { className: "confirm", ariaLabel: question });
  const form = element("form", { method: "dialog" }, element("p", { textContent: question }));
  form.append(
    element("button", { value: "go", data: { say: message } }),
    element("button", { value: "", data: { say: "cancel" }, autofocus: true }),
  );
  dialog.append(form);
  document.body.append(dialog);
  translatePage();
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "go");
    });
  });
}
