import re
from collections import Counter
from importlib import util
from pathlib import Path

import snowballstemmer

spec = util.spec_from_file_location("retrieval_set", Path(__file__).parent / "retrieval_set.py")
retrieval_set = util.module_from_spec(spec)
spec.loader.exec_module(retrieval_set)

EN = (
    "i my me a an the is are am do does did have has in on at to of for and or what which who when where "
    "how we our you it this that be was with by from any will not no "
)
RU = (
    "я мой моя моё мои моего моей моему мне меня в на по за с у к о и или не ли что как где когда кто "
    "какой какая какое какую каком какие есть был была мы это во со до из для кем чем чему сколько откуда "
)
STOP = set(EN.split()) | set(RU.split())


def stems(text):
    words = [word for word in re.findall(r"\w+", text.lower().replace("ё", "е")) if word not in STOP]
    return {snowballstemmer.stemmer(name).stemWord(word) for name in ("english", "russian") for word in words}


def test_the_set_is_as_large_and_as_hard_as_it_says():
    facts = {fact.id: fact for fact in retrieval_set.facts()}
    questions = retrieval_set.questions()
    assert len(facts) >= 100
    assert len(questions) >= 200
    superseded = [fact.supersedes for fact in facts.values() if fact.supersedes != "-"]
    assert len(set(superseded)) >= 30
    assert not {question.fact for question in questions} & set(superseded)
    assert {question.fact for question in questions} <= set(facts)
    directions = Counter((question.language, facts[question.fact].language) for question in questions)
    assert set(directions.values()) == {50}
    apart = [question for question in questions if not stems(question.text) & stems(facts[question.fact].text)]
    assert len(apart) >= len(questions) / 2
