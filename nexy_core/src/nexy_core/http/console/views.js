// Draws what /status and /turns say: state, plugins, turns.
import { keep, make } from "./dom.js";
import { clock, number, word } from "./words.js";

const element = (id) => document.getElementById(id);
const GOOD = new Set(["serving", "ready", "complete"]);
const CALM = new Set(["running", "cut", "cancelled_by_user", "disabled", "starting", "draining", "loaded", "found"]);

export function showState(state, warnings = []) {
  element("state").dataset.state = state;
  const text = word(state);
  if (element("state-text").textContent !== text) element("state-text").textContent = text;
  element("warning").hidden = warnings.length === 0;
  const said = warnings.map(word).join(" ");
  if (element("warning").textContent !== said) element("warning").textContent = said;
}

function badge(name) {
  const made = make("span", "", { class: "badge", "data-mood": GOOD.has(name) ? "good" : CALM.has(name) ? "calm" : "bad" });
  made.append(make("span", "", { class: "dot", "aria-hidden": "true" }), word(name));
  return made;
}

// Each stage from when the one before it was reached until it was.
function waterfall(marks) {
  const reached = Object.entries(marks).sort((one, other) => one[1] - other[1]);
  const whole = Math.max(1, reached.at(-1)?.[1] ?? 0);
  const gaps = reached.map(([, at], index) => at - (reached[index - 1]?.[1] ?? 0));
  // From the first words to the end is no wait: the answer is being given.
  const waits = reached.map(([stage], index) => (stage === "end" && "first_text" in marks ? 0 : gaps[index]));
  const longest = waits.indexOf(Math.max(...waits));
  const list = make("ol", "", { class: "waterfall" });
  for (const [index, [stage, at]] of reached.entries()) {
    const row = make("li", "", index === longest ? { class: "longest" } : {});
    const bar = make("i");
    bar.style.marginInlineStart = `min(${(100 * (at - gaps[index])) / whole}%, 100% - 3px)`;
    bar.style.width = `${(100 * gaps[index]) / whole}%`;
    const track = make("span", "", { class: "track", "aria-hidden": "true" });
    track.append(bar);
    row.append(make("span", word(stage)), track);
    row.append(make("span", `+${number(gaps[index], 0)} ${word("ms")}`, { class: "gap" }));
    row.append(make("span", `${word("at")} ${number(at, 0)} ${word("ms")}`, { class: "at" }));
    if (index === longest) row.append(make("span", word("longest"), { class: "unseen" }));
    list.append(row);
  }
  return list;
}

export function showWaterfall(trace) {
  element("waterfall").replaceChildren(waterfall(trace.marks_ms));
}

export function showPlugins(plugins) {
  keep(element("plugin-list"), plugins, (plugin) => plugin.name, () => make("li"), (row, plugin) => {
    const name = make("h3", plugin.name);
    if (plugin.version) name.append(" ", make("small", plugin.version));
    const unwell = plugin.state === "serving" && plugin.health && plugin.health !== "ready";
    row.replaceChildren(name, badge(unwell ? plugin.health : plugin.state));
    const reason = [plugin.reason, plugin.detail].filter(Boolean).join(": ");
    if (reason) row.append(make("p", reason, { class: "why", lang: "en" }));
    if (plugin.remedy) row.append(make("p", plugin.remedy, { class: "why", lang: "en" }));
  });
}

export function showTurns(turns) {
  element("turn-list").querySelector(":scope > .hint")?.remove();
  keep(element("turn-list"), turns, (turn) => turn.turn_id, newTurn, fillTurn);
  if (!turns.length) element("turn-list").append(make("p", word("none"), { class: "hint" }));
}

function newTurn() {
  const item = make("details");
  item.append(make("summary"), make("div", "", { class: "inside" }));
  return item;
}

function fillTurn(item, turn) {
  const [summary, inside] = item.children;
  const first = turn.marks_ms.first_text;
  const said = [turn.reason, first === undefined ? "" : `${word("first_text")}: ${number(first, 0)} ${word("ms")}`, ...turn.notes];
  summary.replaceChildren(
    make("time", clock(turn.started_at)),
    badge(turn.outcome),
    make("span", said.filter(Boolean).join(" · "), { class: "why" }),
    make("code", turn.turn_id.slice(0, 8)),
  );
  inside.replaceChildren(waterfall(turn.marks_ms));
  if (turn.notes.length) {
    const notes = make("ul", "", { lang: "en" });
    notes.append(...turn.notes.map((note) => make("li", note)));
    inside.append(notes);
  }
  const more = make("p", `${word("shell")} `);
  more.append(make("code", `nexy explain ${turn.turn_id.slice(0, 12)}`));
  inside.append(more);
}
