// Small helpers. Text is always set as text: nothing from the server becomes markup.
const SVG = "http://www.w3.org/2000/svg";

export function make(tag, text = "", attributes = {}) {
  const made = document.createElement(tag);
  made.textContent = text;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

export function draw(tag, attributes = {}) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

// Keeps an element a key, so that focus, open details and a reader's place survive the next poll.
export function keep(parent, items, keyOf, create, fill) {
  const there = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  const wanted = items.map((item) => {
    const key = keyOf(item);
    const child = there.get(key) ?? create();
    child.dataset.key = key;
    const look = document.documentElement.lang + JSON.stringify(item);
    if (child.look !== look) fill(child, item);
    child.look = look;
    return child;
  });
  for (const [index, child] of wanted.entries()) {
    if (parent.children[index] !== child) parent.insertBefore(child, parent.children[index] ?? null);
  }
  while (parent.children.length > wanted.length) parent.lastElementChild.remove();
}
