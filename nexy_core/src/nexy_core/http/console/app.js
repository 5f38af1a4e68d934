import { Player } from "./audio.js";
import { showPlugins, showState, showTurns, showWaterfall, sample } from "./views.js";
import { switchLanguage, translate, word } from "./words.js";

const POLL_MS = 2000;
const RECONNECT_MS = 1000;
const player = new Player();
window.nexyPlayer = player; // for tests: how many frames the audio graph has been given
const element = (id) => document.getElementById(id);
let socket = null;
let answer = null;
let waiting = null;

function connect() {
  socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/console/socket`);
  socket.binaryType = "arraybuffer";
  socket.onmessage = ({ data }) => (typeof data === "string" ? take(JSON.parse(data)) : player.play(data));
  socket.onopen = () => waiting && send(waiting);
  socket.onclose = () => {
    showState("offline");
    end(null);
    setTimeout(connect, RECONNECT_MS);
  };
}

function take(event) {
  waiting = null;
  if (event.type === "text") {
    const piece = document.createElement("span");
    piece.textContent = event.text;
    answer?.append(piece);
    element("conversation").scrollTop = element("conversation").scrollHeight;
  } else if (event.type === "action") {
    line(`${word("action")}: ${event.command} ${JSON.stringify(event.args)}`, "question");
  } else if (event.type === "error") {
    end(null);
    line(event.message, "failed");
  } else if (event.type === "end") {
    end(event.trace);
  }
}

function line(text, kind) {
  const paragraph = document.createElement("p");
  paragraph.className = kind;
  paragraph.textContent = text;
  element("conversation").append(paragraph);
  return paragraph;
}

function send(message) {
  if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
  else waiting = message;
}

function ask(prompt) {
  player.start();
  player.stop();
  line(prompt, "question");
  answer = line("", "answer");
  element("stop").disabled = false;
  send({ type: "ask", prompt });
}

function end(trace) {
  element("stop").disabled = true;
  answer = null;
  if (trace) showWaterfall(trace);
}

function interrupt() {
  player.stop();
  send({ type: "interrupt" });
  element("prompt").focus();
}

element("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  const prompt = element("prompt").value.trim();
  if (prompt) ask(prompt);
  element("prompt").value = "";
});
element("stop").addEventListener("click", interrupt);
document.addEventListener("keydown", (event) => event.key === "Escape" && !element("stop").disabled && interrupt());
element("language").addEventListener("click", () => {
  switchLanguage();
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
  tab.addEventListener("keydown", ({ key }) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[key];
    if (step) select(tabs[(index + step + tabs.length) % tabs.length]);
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
