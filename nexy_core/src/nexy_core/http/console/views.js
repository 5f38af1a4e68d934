// Draws what /status and /turns say. Text is always set as text: nothing from the server becomes markup.
import { word } from "./words.js";

const SAMPLES = 60;
const element = (id) => document.getElementById(id);
const SVG = "http://www.w3.org/2000/svg";

function make(tag, text = "", attributes = {}) {
  const made = document.createElement(tag);
  made.textContent = text;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

export function showState(state, warnings = []) {
  element("state").dataset.state = state;
  const text = word(state);
  if (element("state-text").textContent !== text) element("state-text").textContent = text;
  element("warning").hidden = warnings.length === 0;
  const said = warnings.map(word).join(" ");
  if (element("warning").textContent !== said) element("warning").textContent = said;
}

export function showWaterfall(trace) {
  const rows = Object.entries(trace.marks_ms).sort((one, other) => one[1] - other[1]);
  const longest = Math.max(1, ...rows.map(([, ms]) => ms));
  element("waterfall").replaceChildren(
    ...rows.map(([stage, ms]) => {
      const row = make("li");
      const bar = make("meter", "", { max: longest, value: ms, "aria-label": `${stage} ${ms} ms` });
      row.append(make("span", stage.replaceAll("_", " ")), make("span", `${ms.toFixed(0)} ms`, { class: "value" }), bar);
      return row;
    }),
  );
}

export function showPlugins(plugins) {
  element("plugin-rows").replaceChildren(
    ...plugins.map((plugin) => {
      const row = make("tr");
      const reason = [plugin.reason, plugin.detail, plugin.remedy].filter(Boolean).join(" — ");
      row.append(make("th", plugin.name, { scope: "row" }));
      row.append(...[plugin.version, plugin.state, reason].map((text) => make("td", text)));
      return row;
    }),
  );
}

export function showTurns(turns) {
  const open = new Set([...document.querySelectorAll("#turn-list details[open]")].map((item) => item.dataset.turn));
  const items = turns.map((turn) => {
    const item = make("details");
    item.dataset.turn = turn.turn_id;
    item.open = open.has(turn.turn_id);
    const time = new Date(turn.started_at * 1000).toLocaleTimeString();
    const marks = Object.entries(turn.marks_ms).map(([stage, ms]) => `${stage}: ${ms} ms`);
    item.append(make("summary", `${time}  ${turn.turn_id.slice(0, 8)}  ${turn.outcome} ${turn.reason}`));
    item.append(make("pre", [...marks, ...turn.notes].join("\n")));
    return item;
  });
  element("turn-list").replaceChildren(...(items.length ? items : [make("p", word("none"))]));
}

const history = new Map();

function figures(status) {
  const metrics = status.metrics;
  const total = Object.values(metrics.decision_rate || {}).reduce((sum, rate) => sum + rate, 0);
  return {
    live_turns: status.limits.turns,
    p95: metrics.p95_latency_ms?.StreamAudio ?? 0,
    errors: metrics.error_rate?.StreamAudio ?? 0,
    refusals: metrics.backpressure_refusal_rate ?? 0,
    owed: status.limits.speech_backlog_seconds,
    decisions: total,
  };
}

export function sample(status) {
  for (const [name, value] of Object.entries(figures(status))) {
    const values = history.get(name) || [];
    values.push(Number(value) || 0);
    history.set(name, values.slice(-SAMPLES));
    chart(name, history.get(name));
  }
}

function chart(name, values) {
  let figure = document.querySelector(`figure[data-name="${name}"]`);
  if (!figure) {
    figure = make("figure", "", { "data-name": name });
    const svg = document.createElementNS(SVG, "svg");
    svg.setAttribute("viewBox", `0 0 ${SAMPLES} 20`);
    svg.setAttribute("preserveAspectRatio", "none");
    svg.setAttribute("aria-hidden", "true");
    svg.append(document.createElementNS(SVG, "polyline"));
    figure.append(make("figcaption"), make("output"), svg);
    element("charts").append(figure);
  }
  const top = Math.max(...values, 1e-9);
  const points = values.map((value, index) => `${index + SAMPLES - values.length},${19 - (18 * value) / top}`);
  figure.querySelector("polyline").setAttribute("points", points.join(" "));
  figure.querySelector("figcaption").textContent = word(name);
  figure.querySelector("output").textContent = Number(values.at(-1)).toLocaleString(undefined, { maximumFractionDigits: 2 });
}
