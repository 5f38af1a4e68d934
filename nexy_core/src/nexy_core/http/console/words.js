// The console's words. English stands in the page; a missing word falls back to its key.
export const WORDS = {
  en: {
    skip: "Skip to content", views: "Views", talk: "Talk", now: "Now", plugins: "Plugins", turns: "Turns",
    conversation: "Conversation", question: "Your question", ask: "Ask", stop: "Stop", stages: "Stages of the last turn",
    name: "Name", version: "Version", state: "State", reason: "Reason", connecting: "Connecting", offline: "No connection",
    ok: "Ready", degraded: "Degraded", not_ready: "Not ready", draining: "Shutting down", stopped: "Stopped.",
    action: "Action asked for", none: "No turns yet.", listening_without_tls: "The server listens beyond this machine without TLS.",
    live_turns: "Turns running", p95: "p95 of StreamAudio, ms", errors: "Error rate", refusals: "Refusal rate",
    owed: "Speech owed, s", decisions: "Decisions a second", stage: "Stage", language: "Русский",
  },
  ru: {
    skip: "К содержанию", views: "Разделы", talk: "Разговор", now: "Сейчас", plugins: "Плагины", turns: "Ответы",
    conversation: "Разговор", question: "Ваш вопрос", ask: "Спросить", stop: "Стоп", stages: "Этапы последнего ответа",
    name: "Имя", version: "Версия", state: "Состояние", reason: "Причина", connecting: "Соединение", offline: "Нет связи",
    ok: "Готов", degraded: "Работает не всё", not_ready: "Не готов", draining: "Завершается", stopped: "Остановлено.",
    action: "Запрошено действие", none: "Ответов ещё не было.", listening_without_tls: "Сервер доступен не только с этой машины, и без TLS.",
    live_turns: "Идёт ответов", p95: "p95 StreamAudio, мс", errors: "Доля ошибок", refusals: "Доля отказов",
    owed: "Речи в долгу, с", decisions: "Решений в секунду", stage: "Этап", language: "English",
  },
};

let language = (localStorage.getItem("language") || navigator.language).startsWith("ru") ? "ru" : "en";

export function word(key) {
  return WORDS[language][key] || key;
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
