"""Everyday sentences, the same in each language: their mean vector is what a language adds to a meaning."""

import re

PASSAGE, QUESTION = "passage", "query"
_CYRILLIC = re.compile(r"[а-яё]", re.IGNORECASE)
_LATIN = re.compile(r"[a-z]", re.IGNORECASE)


def language_of(text: str) -> str:
    """Whose mean to take off: "ru" when most letters are Cyrillic, else "en"."""
    return "ru" if len(_CYRILLIC.findall(text)) > len(_LATIN.findall(text)) else "en"


SENTENCES: dict[str, dict[str, tuple[str, ...]]] = {
    PASSAGE: {
        "en": (
            "The weather is nice today.",
            "She bought bread and milk.",
            "The meeting starts at noon.",
            "We watched the news last night.",
            "The road was closed after the storm.",
            "He opened the door and went out.",
            "The company hired twenty people.",
            "Children were laughing in the yard.",
            "This chair is made of wood.",
            "They will come back next week.",
            "I forgot to send the letter.",
            "My uncle has a big garden.",
            "I need a new umbrella.",
            "The library has many old maps.",
            "I don't understand this rule.",
            "The soup is too salty.",
        ),
        "ru": (
            "Сегодня хорошая погода.",
            "Она купила хлеб и молоко.",
            "Встреча начинается в полдень.",
            "Вчера вечером мы смотрели новости.",
            "После бури дорогу закрыли.",
            "Он открыл дверь и вышел.",
            "Компания наняла двадцать человек.",
            "Во дворе смеялись дети.",
            "Этот стул сделан из дерева.",
            "Они вернутся на следующей неделе.",
            "Я забыл отправить письмо.",
            "У моего дяди большой сад.",
            "Мне нужен новый зонт.",
            "В библиотеке много старых карт.",
            "Я не понимаю этого правила.",
            "Суп слишком солёный.",
        ),
    },
    QUESTION: {
        "en": (
            "Where is the station?",
            "How much does it cost?",
            "Who wrote this letter?",
            "What time is it?",
            "Why is the shop closed?",
            "When will the rain stop?",
            "Which bus goes to the market?",
            "Did you see my umbrella?",
            "What is the name of this river?",
            "How do I open the window?",
        ),
        "ru": (
            "Где находится вокзал?",
            "Сколько это стоит?",
            "Кто написал это письмо?",
            "Который час?",
            "Почему магазин закрыт?",
            "Когда закончится дождь?",
            "Какой автобус идёт на рынок?",
            "Ты видел мой зонт?",
            "Как называется эта река?",
            "Как открыть окно?",
        ),
    },
}
