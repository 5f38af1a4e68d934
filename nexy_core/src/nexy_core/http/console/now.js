// The Now view: small charts of the last two minutes, decisions by type, the last refusals.
import { draw, keep, make } from "./dom.js";
import { clock, number, word } from "./words.js";

const SAMPLES = 60;
const HEIGHT = 20;
const element = (id) => document.getElementById(id);
const history = new Map();

function figures({ metrics, limits, objectives }) {
  const aims = new Map(objectives.map((one) => [one.name, one]));
  const rates = Object.values(metrics.decision_rate);
  return [
    { name: "live_turns", value: limits.turns, unit: "", aim: { limit: limits.max_turns, word: "of" } },
    { name: "p95", value: metrics.p95_latency_ms.StreamAudio, unit: "ms", aim: aims.get("p95_latency_ms(StreamAudio)") },
    { name: "errors", value: metrics.error_rate.StreamAudio, unit: "%", aim: aims.get("error_rate(StreamAudio)") },
    { name: "refusals", value: metrics.backpressure_refusal_rate, unit: "%", aim: aims.get("backpressure_refusal_rate") },
    { name: "owed", value: limits.speech_backlog_seconds, unit: "s", aim: { limit: limits.max_speech_backlog_seconds, word: "of" } },
    { name: "decisions", value: rates.reduce((sum, rate) => sum + rate, 0), unit: "", aim: null },
  ];
}

function remember(name, value) {
  const values = [...(history.get(name) ?? []), value ?? null].slice(-SAMPLES);
  history.set(name, values);
  return values;
}

function written(value, unit) {
  if (value === undefined || value === null) return "—";
  if (unit === "%") return `${number(value * 100, 1)} %`;
  return [number(value, unit === "ms" ? 0 : 2), unit && word(unit)].filter(Boolean).join(" ");
}

function spark(svg, values, limit) {
  const top = Math.max(...values, limit ?? 0, 1e-9);
  const y = (value) => HEIGHT - 1 - ((HEIGHT - 2) * value) / top;
  const points = values.flatMap((value, index) => (value === null ? [] : [`${index + SAMPLES - values.length},${y(value)}`]));
  svg.replaceChildren(draw("polyline", { points: points.join(" ") }));
  if (limit) svg.append(draw("line", { x1: 0, x2: SAMPLES - 1, y1: y(limit), y2: y(limit) }));
}

function canvas() {
  return draw("svg", { viewBox: `0 0 ${SAMPLES - 1} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" });
}

export function sample(status) {
  const shown = figures(status).map((figure) => ({ ...figure, values: remember(figure.name, figure.value) }));
  keep(element("charts"), shown, (one) => one.name, newChart, fillChart);
  // By name, so that no row moves.
  const rates = Object.entries(status.metrics.decision_rate).sort(([one], [other]) => (one < other ? -1 : 1));
  const decisions = rates.map(([type, rate]) => ({ type, rate, values: remember(`decision ${type}`, rate) }));
  listed("decisions", decisions, (one) => one.type, fillDecision);
  listed("refusals", status.refusals, (one) => `${one.at} ${one.rpc}`, fillRefusal);
}

function listed(id, items, keyOf, fill) {
  element(id).querySelector(".hint")?.remove();
  keep(element(id), items, keyOf, () => make("li"), fill);
  if (!items.length) element(id).append(make("li", word("nothing"), { class: "hint" }));
}

function newChart() {
  const figure = make("figure");
  figure.append(make("figcaption"), make("p", "", { class: "value" }), canvas(), make("p", "", { class: "aim" }));
  return figure;
}

function fillChart(figure, { name, value, unit, aim, values }) {
  const [caption, shown, svg, goal] = figure.children;
  figure.dataset.name = name;
  figure.dataset.kept = String(aim?.kept ?? true);
  caption.textContent = word(name);
  shown.textContent = written(value, unit);
  spark(svg, values, aim?.word ? null : aim?.limit);
  goal.textContent = aim ? `${word(aim.word ?? (aim.kept ? "objective" : "broken"))} ${written(aim.limit, unit)}` : word("a_second");
}

function fillDecision(row, { type, rate, values }) {
  const svg = canvas();
  spark(svg, values, null);
  row.replaceChildren(make("code", type), svg, make("span", `${number(rate, 2)}/${word("s")}`, { class: "at" }));
}

function fillRefusal(row, { at, rpc, reason }) {
  row.replaceChildren(make("time", clock(at)), make("span", rpc), make("code", reason));
}
