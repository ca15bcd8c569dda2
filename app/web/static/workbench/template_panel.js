// The fields of a form: drawn on a sheet, named, constrained, loaded and saved. With a template the stack is read by it.

import { translate, translatePage } from "../translations.js";
import { button, element } from "./elements.js";
import { download } from "./table.js";
import {
  constraintOf,
  constraintText,
  parseTemplate,
  storedTemplate,
  storeTemplate,
  withField,
  withoutField,
} from "./template.js";

const KIND_MESSAGES = {
  "": "kindAny",
  length: "kindLength",
  pattern: "kindPattern",
  values: "kindValues",
  date: "kindDate",
  luhn: "kindLuhn",
  mod97: "kindMod97",
  ean13: "kindEan13",
  isbn: "kindIsbn",
};
const WITH_TEXT = ["length", "pattern", "values"]; // kinds that need one

export class TemplatePanel {
  /** `ondraw()`: the user wants to draw a field; `onapply()`: to read the stack with the template as it is now. */
  constructor({ ondraw, onapply }) {
    this.template = storedTemplate();
    this.list = element("ul", { className: "fields" });
    this.message = element("p", { attributes: { role: "status" } });
    this.file = element("input", { type: "file", accept: ".json,application/json", hidden: true });
    this.file.dataset.sayLabel = "loadTemplate";
    this.file.addEventListener("change", () => this.load());
    const tools = element("div", { className: "group" });
    tools.append(
      button("drawField", ondraw),
      button("loadTemplate", () => this.file.click()),
      button("saveTemplate", () => this.save()),
      button("applyTemplate", onapply),
    );
    this.root = element(
      "details",
      { className: "template" },
      element("summary", { data: { say: "template" } }),
      element("p", { data: { say: "templateHelp" } }),
      this.list,
      tools,
      this.message,
      this.file,
    );
    this.show();
  }

  /** The JSON to send; undefined without a template. */
  get json() {
    return this.template ? JSON.stringify(this.template) : undefined;
  }

  change(template) {
    this.template = template;
    storeTemplate(template);
    this.show();
  }

  show() {
    const fields = Object.entries(this.template?.fields ?? {});
    this.list.replaceChildren(...fields.map(([name, field]) => this.fieldItem(name, field)));
  }

  fieldItem(name, field) {
    const constraint = element("small", { textContent: constraintText(field) });
    const remove = element("button", {
      type: "button",
      textContent: translate("removeField"),
      ariaLabel: translate("removeFieldLong", { name }),
      onclick: () => this.change(withoutField(this.template, name)),
    });
    return element("li", {}, element("span", { textContent: name }), constraint, remove);
  }

  async load() {
    const template = await parseTemplate(this.file.files[0]);
    this.file.value = "";
    this.message.textContent = template ? "" : translate("notATemplate");
    if (template) this.change(template);
  }

  save() {
    if (this.template) download("template.json", "application/json", JSON.stringify(this.template, null, 2));
  }

  /** Asks for the name and the constraint of a field that was drawn. `box`: in shares of the document. */
  async addField(box) {
    const { dialog, name, kind, text } = fieldDialog();
    document.body.append(dialog);
    translatePage();
    dialog.showModal();
    await new Promise((resolve) => dialog.addEventListener("close", resolve, { once: true }));
    dialog.remove();
    if (dialog.returnValue !== "add") return;
    this.change(withField(this.template, name.value.trim(), box, constraintOf(kind.value, text.value)));
  }
}

function fieldDialog() {
  const name = element("input", {
    id: "field-name",
    required: true,
    maxLength: 64,
    pattern: ".*\\S.*",
    autocomplete: "off",
  });
  const kind = element("select", { id: "field-kind" });
  kind.append(
    ...Object.keys(KIND_MESSAGES).map((value) =>
      element("option", { value, textContent: translate(KIND_MESSAGES[value]) }),
    ),
  );
  const text = element("input", { id: "field-text", autocomplete: "off", disabled: true });
  kind.addEventListener("change", () => {
    text.disabled = !WITH_TEXT.includes(kind.value);
    text.required = !text.disabled;
    text.pattern = kind.value === "length" ? "[1-9]\\d?" : ".*";
  });
  const form = element("form", { method: "dialog", className: "field-form" });
  form.append(
    ...labelled("fieldName", name),
    ...labelled("fieldKind", kind),
    ...labelled("fieldText", text),
    element("button", { value: "add", data: { say: "addField" } }),
    element("button", { value: "", formNoValidate: true, data: { say: "cancel" } }),
  );
  const dialog = element("dialog", { data: { sayLabel: "drawField" } }, form);
  return { dialog, name, kind, text };
}

function labelled(message, input) {
  return [element("label", { htmlFor: input.id, data: { say: message } }), input];
}
