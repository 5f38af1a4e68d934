import { Player } from "./audio.js";
import { Answer, line } from "./conversation.js";
import { showPlugins, showState, showTurns, showWaterfall } from "./views.js";
import { sample } from "./now.js";
import { switchLanguage, translate, word } from "./words.js";

const POLL_MS = 2000;
const RECONNECT_MS = 1000;
const player = new Player(showStop);
window.nexyPlayer = player; // for tests: how many frames the audio graph has been given
const element = (id) => document.getElementById(id);
let socket = null;
let answer = null;
let waiting = null;
let running = false;
let shown = null; // the trace in the waterfall
let asked = 0; // questions so far, and
let begun = 0; // the one that what comes now answers

function connect() {
  socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/console/socket`);
  socket.binaryType = "arraybuffer";
  socket.onmessage = ({ data }) => (typeof data === "string" ? take(JSON.parse(data)) : hear(data));
  socket.onopen = () => waiting && send(waiting);
  socket.onclose = () => {
    showState("offline");
    if (!waiting) lose();
    setTimeout(connect, RECONNECT_MS);
  };
}

function lose() {
  if (running) line(word("offline"), "failed");
  end(null);
}

function hear(data) {
  if (running && begun === asked) answer.sound(player.play(data));
}

function take(event) {
  waiting = null;
  if (event.type === "begin") begun = event.turn;
  if (begun !== asked) return; // of a question that was given up
  if (event.type === "text") {
    if (running) answer.text(event.text);
  } else if (event.type === "action") {
    line(`${word("action")}: ${event.command} ${JSON.stringify(event.args)}`, "note");
  } else if (event.type === "error" && event.error_type !== "cancelled_by_user") {
    line(event.message, "failed", "en");
  } else if (event.type === "end") {
    end(event.trace);
  }
}

function send(message) {
  if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
  else waiting = message;
}

function ask(prompt) {
  player.start();
  player.stop();
  answer?.end();
  line(prompt, "question");
  answer = new Answer(() => player.now);
  running = true;
  showStop();
  asked += 1;
  send({ type: "ask", prompt, turn: asked });
}

function end(trace) {
  running = false;
  answer?.end();
  showStop();
  shown = trace ?? shown;
  if (trace) showWaterfall(trace);
}

// While a turn runs or is still heard.
function busy() {
  return running || player.sounding;
}

function showStop() {
  const stop = element("stop");
  if (!busy() && document.activeElement === stop) element("prompt").focus();
  stop.disabled = !busy();
}

function interrupt() {
  if (running) send({ type: "interrupt" });
  running = false;
  answer?.cut();
  answer = null;
  player.stop();
  element("prompt").focus();
}

element("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  const prompt = element("prompt").value.trim();
  if (prompt) ask(prompt);
  element("prompt").value = "";
});
element("stop").addEventListener("click", interrupt);
element("sound").addEventListener("change", ({ target }) => player.loud(target.checked));
document.addEventListener("keydown", (event) => event.key === "Escape" && busy() && interrupt());
element("language").addEventListener("click", () => {
  switchLanguage();
  if (shown) showWaterfall(shown);
  poll();
});

const tabs = [...document.querySelectorAll('[role="tab"]')];

function select(tab) {
  for (const other of tabs) {
    const chosen = other === tab;
    other.ariaSelected = String(chosen);
    other.tabIndex = chosen ? 0 : -1;
    element(other.getAttribute("aria-controls")).hidden = !chosen;
  }
  tab.focus();
  poll();
}

for (const [index, tab] of tabs.entries()) {
  tab.addEventListener("click", () => select(tab));
  tab.addEventListener("keydown", (event) => {
    const next = { ArrowRight: index + 1, ArrowLeft: index - 1, Home: 0, End: tabs.length - 1 }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    select(tabs[(next + tabs.length) % tabs.length]);
  });
}

async function poll() {
  try {
    const status = await (await fetch("/status")).json();
    showState(status.state, status.warnings);
    sample(status);
    if (!element("plugins").hidden) showPlugins(status.plugins);
    if (!element("turns").hidden) showTurns(await (await fetch("/turns")).json());
  } catch {
    showState("offline");
  }
}

translate();
connect();
poll();
setInterval(poll, POLL_MS);
