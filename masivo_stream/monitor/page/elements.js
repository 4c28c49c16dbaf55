// Functions that make and update elements. Text is set as text, never as markup; widths through the style object, since
// the policy of the page forbids style attributes.

const byId = (id) => document.getElementById(id);

function make(name, classes = "", ...inside) {
  const element = document.createElement(name);
  if (classes) element.className = classes;
  element.append(...inside);
  return element;
}

const SVG = "http://www.w3.org/2000/svg";

function draw(name, attributes, ...inside) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...inside);
  return element;
}

/** Set the text only if it has changed, so that a selection is kept. */
function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Give `parent` one child for each of `things`. Children are found by their keys and kept. */
function syncChildren(parent, things, key, create, update) {
  const known = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  things.forEach((thing, place) => {
    const name = key(thing);
    const child = known.get(name) ?? create(thing);
    known.delete(name);
    child.dataset.key = name;
    if (parent.children[place] !== child) parent.insertBefore(child, parent.children[place] ?? null);
    update(child, thing);
  });
  for (const child of known.values()) child.remove();
}

/** A bar; `role` is progressbar or meter. */
function bar(role, label) {
  const trough = make("div", "trough", make("div", "fill"));
  trough.setAttribute("role", role);
  trough.setAttribute("aria-label", label);
  trough.setAttribute("aria-valuemin", "0");
  return trough;
}

/** Set a command, only if it has changed; at the end of a line its flags stay whole. */
function setCommand(element, text) {
  if (element.textContent === text) return;
  element.replaceChildren(...text.split(/ (?=--)/).flatMap((part, at) => [...(at ? [" "] : []), make("span", "", part)]));
}

function setBar(trough, part, whole, text) {
  const shown = whole > 0 ? Math.min(1, Math.max(0, part / whole)) : 0;
  trough.firstChild.style.width = `${shown * 100}%`;
  trough.setAttribute("aria-valuemax", whole);
  trough.setAttribute("aria-valuenow", Math.min(part, whole));
  trough.setAttribute("aria-valuetext", text);
}

/** A list of figures: name, text and class of each. */
function figures(list, shown) {
  syncChildren(list, shown, ([name]) => name, ([name]) => make("div", "", make("dt", "", name), make("dd")),
    (pair, [, text, kind = ""]) => { pair.className = kind; setText(pair.lastChild, text); });
}
