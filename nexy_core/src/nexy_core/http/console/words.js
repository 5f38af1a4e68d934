// The console's words. English stands in the page; a missing word falls back to its key.
export const WORDS = {
  en: {
    skip: "Skip to content", views: "Views", talk: "Talk", now: "Now", plugins: "Plugins", turns: "Turns",
    conversation: "Conversation", question: "Your question", ask: "Ask", stop: "Stop", stages: "Stages of the last turn",
    empty: "Ask something. The answer is shown and spoken as it is made.", keys: "Enter asks, Escape stops.", sound: "Sound",
    connecting: "Connecting", offline: "No connection", ok: "Ready", degraded: "Degraded", not_ready: "Not ready",
    draining: "Shutting down", stopped: "Stopped.", action: "Action asked for", none: "No turns yet.", nothing: "None.",
    listening_without_tls: "The server listens beyond this machine without TLS.",
    log_unwritable: "The log cannot be written: look whether the disk is full.",
    live_turns: "Turns running", p95: "First words, p95", errors: "Error rate", refusals: "Refusal rate", owed: "Speech owed",
    decisions: "Decisions a second", decided: "Decisions of the last minute", refused: "Last refusals",
    objective: "objective: at most", broken: "over the objective of", of: "limit:", a_second: "all types together",
    recall: "Memory recalled", first_token: "First token", first_sentence: "First sentence", first_text: "First words sent",
    first_audio: "First sound sent", end: "End", longest: "the longest wait", at: "at", ms: "ms", s: "s", shell: "In a shell:",
    serving: "Serving", ready: "Ready", starting: "Starting", failed: "Failed", tripped: "Tripped", disabled: "Switched off",
    quarantined: "Quarantined", loaded: "Loaded", found: "Found", running: "Running", complete: "Complete", cut: "Stopped",
    cancelled_by_user: "Stopped", unavailable: "Unavailable", timeout: "Timed out", internal: "Error",
    validation_failed: "Invalid", stream_limit_exceeded: "Refused", rate_limit_exceeded: "Refused", language: "Русский",
  },
  ru: {
    skip: "К содержанию", views: "Разделы", talk: "Разговор", now: "Сейчас", plugins: "Плагины", turns: "Ответы",
    conversation: "Разговор", question: "Ваш вопрос", ask: "Спросить", stop: "Стоп", stages: "Этапы последнего ответа",
    empty: "Спросите что-нибудь. Ответ появится и прозвучит по мере готовности.", keys: "Enter — спросить, Escape — остановить.", sound: "Звук",
    connecting: "Соединение", offline: "Нет связи", ok: "Готов", degraded: "Работает не всё", not_ready: "Не готов",
    draining: "Завершается", stopped: "Остановлено.", action: "Запрошено действие", none: "Ответов ещё не было.", nothing: "Нет.",
    listening_without_tls: "Сервер доступен не только с этой машины, и без TLS.",
    log_unwritable: "Журнал не записывается: проверьте, не заполнен ли диск.",
    live_turns: "Идёт ответов", p95: "Первые слова, p95", errors: "Доля ошибок", refusals: "Доля отказов", owed: "Речи в долгу",
    decisions: "Решений в секунду", decided: "Решения за последнюю минуту", refused: "Последние отказы",
    objective: "цель: не больше", broken: "хуже цели:", of: "предел:", a_second: "всех видов вместе",
    recall: "Память опрошена", first_token: "Первый токен", first_sentence: "Первое предложение", first_text: "Первые слова",
    first_audio: "Первый звук", end: "Конец", longest: "самое долгое ожидание", at: "через", ms: "мс", s: "с", shell: "В терминале:",
    serving: "Работает", ready: "Готов", starting: "Запускается", failed: "Сбой", tripped: "Отдыхает после сбоев", disabled: "Выключен",
    quarantined: "В карантине", loaded: "Загружен", found: "Найден", running: "Идёт", complete: "Завершён", cut: "Остановлен",
    cancelled_by_user: "Остановлен", unavailable: "Недоступно", timeout: "Не успел", internal: "Ошибка",
    validation_failed: "Неверный запрос", stream_limit_exceeded: "Отказ", rate_limit_exceeded: "Отказ", language: "English",
  },
};

let language = (localStorage.getItem("language") || navigator.language).startsWith("ru") ? "ru" : "en";

export function word(key) {
  return WORDS[language][key] || key;
}

export function number(value, digits) {
  return Number(value).toLocaleString(language, { maximumFractionDigits: digits });
}

export function clock(seconds) {
  return new Date(seconds * 1000).toLocaleTimeString(language, { hour12: false });
}

export function translate() {
  document.documentElement.lang = language;
  for (const element of document.querySelectorAll("[data-i18n]")) element.textContent = word(element.dataset.i18n);
  for (const element of document.querySelectorAll("[data-i18n-label]")) element.ariaLabel = word(element.dataset.i18nLabel);
  const button = document.getElementById("language");
  button.textContent = word("language");
  button.lang = language === "ru" ? "en" : "ru";
}

export function switchLanguage() {
  language = language === "ru" ? "en" : "ru";
  localStorage.setItem("language", language);
  translate();
}
