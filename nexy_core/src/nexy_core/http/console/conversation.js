// The conversation: answers come piece by piece, and their words darken as they are spoken.
import { word } from "./words.js";

const WORDS = /\S+\s*|\s+/gu;
const CYRILLIC = /\p{Script=Cyrillic}/u;
const list = () => document.getElementById("conversation");

export function line(text, kind, lang = null) {
  const paragraph = document.createElement("p");
  paragraph.className = kind;
  paragraph.textContent = text;
  if (lang) paragraph.lang = lang;
  list().querySelector(".hint")?.remove();
  list().append(paragraph);
  list().scrollTop = list().scrollHeight;
  return paragraph;
}

export class Answer {
  #pieces = [];
  #paragraph = line("", "answer");

  constructor(clock) {
    this.clock = clock;
  }

  text(text) {
    this.#shown(this.#pieces.at(-1));
    const element = document.createElement("span");
    element.lang = CYRILLIC.test(text) ? "ru" : "en";
    for (const part of text.match(WORDS) ?? []) {
      const span = document.createElement("span");
      span.textContent = part;
      element.append(span);
    }
    this.#paragraph.append(element);
    this.#pieces.push({ words: [...element.children], chars: text.length, from: null, to: null });
    list().scrollTop = list().scrollHeight;
  }

  // Sound follows the text it speaks.
  sound([from, to]) {
    const piece = this.#pieces.at(-1);
    if (!piece) return;
    piece.from ??= from;
    piece.to = to;
    if (this.#pieces.filter((one) => one.from !== null).length === 1 && piece.from === from) this.#follow();
  }

  // Nothing more comes: what has no sound is simply shown.
  end() {
    this.#shown(this.#pieces.at(-1));
  }

  cut() {
    this.isCut = true;
    line(word("stopped"), "note");
  }

  #shown(piece) {
    if (piece && piece.from === null) for (const span of piece.words) span.className = "said";
  }

  #follow() {
    const now = this.clock();
    for (const piece of this.#pieces) if (piece.from !== null) light(piece, (now - piece.from) / (piece.to - piece.from));
    const last = this.#pieces.at(-1);
    if (!this.isCut && (last.to === null || now < last.to + 1)) requestAnimationFrame(() => this.#follow());
  }
}

function light(piece, share) {
  let chars = 0;
  for (const span of piece.words) {
    if (chars >= share * piece.chars) return;
    if (span.className !== "said") span.className = "said";
    chars += span.textContent.length;
  }
}
