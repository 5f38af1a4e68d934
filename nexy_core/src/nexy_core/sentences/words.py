"""The word lists of the splitter, English and Russian."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# --- in front of a full stop (abbreviations), in lower case, without their last stop ---

# Always followed by what they belong to.
NEVER = _words("""
    dr mr mrs ms messrs mx prof st gen sen rep lt col sgt capt cmdr adm rev hon pres gov supt fr mt ft
    e.g i.e eg ie vs v cf viz approx ca resp incl excl p.s n.b a.k.a
    т.е т.к т.н т.о ул им проф акад доц тов гр г-н г-жа просп пл бул наб св см ср напр т.ч пер ред изд
    """)
# ... unless written small in front of an ordinary word: "He is a prof. He teaches."
TITLES = _words("dr prof gen sen rep lt col sgt capt gov проф акад доц")
# A number follows: part of the phrase. Otherwise they may be ordinary words ("No. I won't.").
BEFORE_NUMBER = _words("""
    no nos nr fig figs eq eqs sec ch chap pp vol art ex ver apt bldg rm ext op
    jan feb mar apr jun jul aug sep sept oct nov dec
    рис стр гл табл илл пп сс тт ст кв корп стр-е оф дом кн вып тел ок
    янв фев мар апр июн июл авг сен сент окт ноя нояб дек
    """)
# May end a sentence or stand inside: the next word decides.
OPEN = _words("""
    inc ltd co corp jr sr bros assn dept univ est ave blvd rd hwy min max ph.d b.sc m.sc ed eds al
    пр гг вв обл р-н англ нем фр лат греч рус экз чел
    """)
STREETS = _words("st ave blvd rd hwy")
SAINTED = _words(
    "mount mt lake port fort cape point sault church cathedral basilica hospital island"
)  # "Mount St. Helens"
# A letter behind these is no initial: "Plan B."
LABELS = _words("""
    plan grade vitamin type class group option part section appendix point team hepatitis generation
    план класс витамин группа группы тип вариант часть раздел пункт точка
    """)
EXCLAIMED = frozenset({"yahoo!", "jeopardy!", "guess?"})
VERBS = _words("is are was were has had will can does did")
# These end what they belong to: a capital behind them begins a sentence.
CLOSING = frozenset({"т.д", "т.п"})
UNITS = _words(
    """
    руб р коп тыс млн млрд трлн кг гр мг т л мл см мм км м мин сек ч час шт долл сут нед мес с лет
    oz lb lbs ft hr hrs min mi deg
    """
)
CLOCK = frozenset({"a.m", "p.m", "am", "pm"})
YEARS = frozenset({"г", "гг", "в", "вв"})
BEHIND_CLOCK = _words("""
    monday tuesday wednesday thursday friday saturday sunday january february march april may june july august
    september october november december est edt pst pdt cst cdt mst mdt gmt utc et pt ct mt cet cest bst eastern pacific
    """)
STARTERS = _words("""
    the a an this that these those there here it its he she we they you i my his her our their your who what when where
    why how which if in on at as by for from with after before during while since until because although though and but
    or so then also however therefore meanwhile moreover finally first next now today yesterday tomorrow once yes no not
    do does did is are was were can could will would should may might please let thanks some many most all both each
    в во на за из от до по при для без через после перед он она оно они мы вы я ты это эта этот эти тот та те
    то там тут здесь что как где когда почему кто если и а но или да нет не ни же тогда потом затем сначала теперь
    сегодня завтра вчера уже еще ещё также кроме однако поэтому все всё его её ее их мой моя наш ваш так такой такие
    у к с со о об чтобы хотя пока раз был была было были есть можно нужно надо
    """)
# --- at an early cut ---

CONJUNCTIONS = _words("""
    and but or because which who that when while where if so although though since unless until than
    и но а или что чтобы потому который которая которое которые когда где если хотя пока поскольку так
    """)
PREPOSITIONS = _words("""
    in on at with for from to by about into over under between through during after before against without across
    в на с для из от до по о об к у за под над между через после перед при без
    """)
LEANING = (  # they lean on the next word: no pause behind them
    CONJUNCTIONS
    | PREPOSITIONS
    | _words("""
        the a an of my your his her its our their this these those is are was were be been am has have had do does did
        will would can could should may might must not no very more most some any every each as it he she we they you i
        не ни же бы ли мой твой его её их наш ваш этот эта это эти тот та те очень более самый во со ко обо
        """)
)
