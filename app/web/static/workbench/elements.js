// Elements of the workbench, made by script: the page has none of them until they are needed.

const SVG = "http://www.w3.org/2000/svg";

/** A new element. `data` and `attributes` are set as such, all other members as properties. */
export function element(tag, { data = {}, attributes = {}, ...members } = {}, ...children) {
  const created = Object.assign(document.createElement(tag), members);
  Object.assign(created.dataset, data);
  for (const [name, value] of Object.entries(attributes)) created.setAttribute(name, value);
  created.append(...children);
  return created;
}

/** A button whose text is a message of the page. `label`: the message of its longer name, if it has one. */
export function button(message, onclick, { label, ...members } = {}) {
  const data = label ? { say: message, sayLabel: label } : { say: message };
  return element("button", { type: "button", data, onclick, ...members });
}

export function svgElement(tag, attributes, ...children) {
  const created = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) created.setAttribute(name, value);
  created.append(...children);
  return created;
}
