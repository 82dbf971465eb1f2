"""Text -> what it states that can be checked word by word: numbers, dates, names, negations and opposites. Pure.

English is assumed for number words, months, negations and opposites; digits and names are found in any script that has
them. Everything is found by rule, so that the reason for a refusal can be said in plain words.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

import regex

from index.terms import STOPWORDS, terms


@dataclass(frozen=True, slots=True)
class Word:
    """A word as it stands at text[start:end], and its search terms (one, save in scripts without spaces)."""

    text: str
    start: int
    end: int
    terms: tuple[str, ...]

    @property
    def tells(self) -> bool:
        """Whether the word says what a sentence is about, rather than how it is built."""
        folded = self.text.casefold().replace("’", "'")
        head = folded.partition("'")[0]
        return bool(self.terms) and folded not in STOPWORDS and head not in STOPWORDS and not folded.endswith("n't")


@dataclass(frozen=True, slots=True)
class Number:
    """A number at text[start:end]. It agrees with any number between `low` and `high`, both included.

    An exact number has `low == value == high`. A rounded one ("about 200", "5.3 million") is wide by half of its last
    figure that counts; "more than 200" by one of it, upwards; a decade ("the 1990s") by its ten years.
    """

    text: str
    value: float
    low: float
    high: float
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Date:
    """A month at text[start:end], with the day and the year where they are given."""

    text: str
    year: int | None
    month: int
    day: int | None
    start: int
    end: int


_WORD = regex.compile(r"[\p{L}\p{N}][\p{L}\p{N}\p{M}]*(?:[.,'’][\p{L}\p{N}\p{M}]+)*")

# fmt: off
_UNITS = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)
_ORDINAL_UNITS = (
    "zeroth", "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth",
    "eleventh", "twelfth", "thirteenth", "fourteenth", "fifteenth", "sixteenth", "seventeenth", "eighteenth",
    "nineteenth",
)
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
# fmt: on
_SMALL = {
    **{word: value for value, word in enumerate(_UNITS)},
    **{word: value for value, word in enumerate(_ORDINAL_UNITS)},
    **{word: 10 * at for at, word in enumerate(_TENS, start=2)},
    **{word[:-1] + "ieth": 10 * at for at, word in enumerate(_TENS, start=2)},
}
_SCALES = {
    "dozen": 12.0,
    "hundred": 1e2,
    "thousand": 1e3,
    "k": 1e3,
    "million": 1e6,
    "m": 1e6,
    "mn": 1e6,
    "billion": 1e9,
    "bn": 1e9,
    "trillion": 1e12,
}
_YEAR_ALONE = regex.compile(r"[12]\d{3}")
_CLAUSE_BORDER = regex.compile(r"[,;:]\s|\s[–—-]\s|\b(?:and|but|while|whereas|from)\b|[()]")
# "One of them", "first of all", "a second": words far more often than numbers, so no support is asked for them.
_SELDOM_NUMBERS = frozenset({"zero", "one", "first", "second"})

_NUMERAL = regex.compile(
    r"(?<![\p{L}\d]|\p{L}[-‐‑])(?P<figures>\d{1,3}(?:[,\u00a0\u202f\u2009'’]\d{3})+(?!\d)|\d+)(?P<decimals>\.\d+)?"
    r"(?:(?P<decade>0?s\b)|(?:st|nd|rd|th)\b|[\s\u00a0-]?(?P<scale>hundred|thousand|million|billion|trillion|dozen|bn|mn)s?\b"
    r"|(?P<letter>[kKmM])(?![\p{L}\d]))?"
)
_SMALL_WORDS = "|".join(sorted(_SMALL, key=len, reverse=True))
_SCALE_WORDS = "dozen|hundred|thousand|million|billion|trillion"
_NUMBER_WORDS = regex.compile(
    rf"\b(?:{_SMALL_WORDS}|a(?=\s+(?:{_SCALE_WORDS})\b))\b"
    rf"(?:(?:\s+and\s+|[\s-]+)(?:{_SMALL_WORDS}|(?:{_SCALE_WORDS}))\b)*",
    regex.IGNORECASE,
)
# Footnote marks, and the number of a list item.
_MARK = regex.compile(r"\[\d{1,3}\]|^\s*\(?\d{1,3}[.)]\s", regex.MULTILINE)
_HEDGE = regex.compile(
    r"(?:\b(?:about|around|approximately|approx\.?|circa|ca?\.|nearly|almost|roughly|some|estimated|an estimated|up to|"
    r"close to|less than|fewer than|under|below)|[~≈<])\s*(?:[$€£¥]|US\$)?\s*$",
    regex.IGNORECASE,
)
_HEDGE_UPWARDS = regex.compile(
    r"(?:\b(?:over|more than|at least|above|greater than|exceed(?:s|ed|ing)?)|[>≥])\s*(?:[$€£¥]|US\$)?\s*$",
    regex.IGNORECASE,
)

# fmt: off
_MONTH_OF = {
    "jan": 1, "feb": 2, "mar": 3, "apr": 4, "may": 5, "jun": 6,
    "jul": 7, "aug": 8, "sep": 9, "oct": 10, "nov": 11, "dec": 12,
}
# fmt: on
_MONTH = (
    r"(?P<month>Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?"
    r"|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)\b\.?"
)
_DAY = r"(?P<day>[0-3]?\d)(?:st|nd|rd|th)?(?![\d.:%]|,\d)"
_YEAR = r"(?P<year>\d{4})(?!\d)"
_DATES = (
    regex.compile(rf"(?<!\d){_YEAR}-(?P<month>[01]\d)-(?P<day>[0-3]\d)(?!\d)"),
    regex.compile(rf"(?<![\d.,]){_DAY}\s+(?:of\s+)?{_MONTH}(?:,?\s+{_YEAR})?"),
    regex.compile(rf"\b{_MONTH}\s+(?:the\s+)?{_DAY}(?:,?\s+{_YEAR})?"),
    regex.compile(rf"\b{_MONTH},?\s+(?:of\s+)?{_YEAR}"),
    # A month alone: those that are words of their own (may, march) only where a preposition makes them a month.
    regex.compile(
        r"(?:\b(?:[Ii]n|[Oo]f|[Ss]ince|[Bb]y|[Uu]ntil|[Ll]ast|[Nn]ext|[Ee]arly|[Ll]ate|[Mm]id|[Tt]his)[\s-]+)"
        r"(?P<month>May|March)\b|\b(?P<month>January|February|April|June|July|August|September|October|November|December)\b"
    ),
)


# Said of the word after the first: an auxiliary, a verb whose form is not regular, or a word that ends as a verb or an
# adverb does.
_AUXILIARY = regex.compile(r"is|was|are|were|has|had|have|will|would|can|could|may|might|must|does|did|do")
_VERB_OR_ADVERB = regex.compile(
    r"\p{L}{2,}(?:ed|ly|s)|said|told|wrote|won|made|took|became|went|met|left|gave|found|began|held|led|came|saw|ran|built"
)


def words(text: str) -> tuple[Word, ...]:
    """The words of `text` in order, with exact offsets."""
    return tuple(Word(m.group(), m.start(), m.end(), _terms_of(m.group())) for m in _WORD.finditer(text))


@cache
def _terms_of(word: str) -> tuple[str, ...]:
    return tuple(terms(word))


def numbers(text: str) -> tuple[Number, ...]:
    """The numbers of `text`, in figures and in words, in order, without those of footnote marks and list items."""
    marks = [m.span() for m in _MARK.finditer(text)]
    found = [_numeral(text, m) for m in _NUMERAL.finditer(text) if not any(a <= m.start() < b for a, b in marks)]
    for match in _NUMBER_WORDS.finditer(text):
        start, end = match.span()
        if any(n.start < end and start < n.end for n in found):
            continue  # the "million" of "5.3 million" is read already
        value = _value_of_words(match.group())
        found.append(_ranged(text, start, end, value, _last_figure(value), rounded=False))
    return tuple(sorted(found, key=lambda n: n.start))


def is_seldom_a_number(number: Number) -> bool:
    """Whether `number` is one of the number words (one, first, second) that mostly mean no number."""
    return number.text.casefold() in _SELDOM_NUMBERS


def _numeral(text: str, match: regex.Match[str]) -> Number:
    figures = regex.sub(r"\D", "", match["figures"])
    decimals = (match["decimals"] or ".")[1:]
    scale = _SCALES[(match["scale"] or match["letter"] or "").casefold()] if match["scale"] or match["letter"] else 1.0
    value = float(f"{figures}.{decimals or 0}") * scale
    start, end = match.span()
    if match["decade"] and len(figures) == 4 and value % 10 == 0:
        span = 100.0 if value % 100 == 0 else 10.0
        return Number(match.group(), value, value, value + span - 1, start, end)
    place = scale * 10.0 ** -len(decimals)
    return _ranged(text, start, end, value, place if decimals else _last_figure(value), rounded=scale > 1)


def _ranged(text: str, start: int, end: int, value: float, place: float, *, rounded: bool) -> Number:
    before = text[max(0, start - 24) : start]
    low = high = value
    if _HEDGE_UPWARDS.search(before):
        high = value + place
    elif rounded or _HEDGE.search(before):
        low, high = value - place / 2, value + place / 2
    return Number(text[start:end], value, low, high, start, end)


def _last_figure(value: float) -> float:
    """The worth of the last figure of a whole number that is not nought: 100 for 200, 1 for 198."""
    place = 1.0
    while value and value % (place * 10) == 0:
        place *= 10
    return place


def _value_of_words(phrase: str) -> float:
    total = group = 0.0
    for word in regex.split(r"[\s-]+", phrase.casefold()):
        if word in _SMALL:
            group += _SMALL[word]
        elif word in ("hundred", "dozen"):
            group = (group or 1.0) * _SCALES[word]
        elif word in _SCALES:
            total += (group or 1.0) * _SCALES[word]
            group = 0.0
    return total + group


def misplaced(stated: str, held: Sequence[str]) -> tuple[Number, ...]:
    """The numbers of `stated` that the sentences `held` do hold, but of another thing or of another year.

    Of another thing: a word follows the number in both, and in `held` the word of `stated` follows other numbers only
    ("10 killed" where "40 killed and 10 wounded" is held). Of another year: `stated` names one year, and wherever the
    number shares a clause with years in `held`, that year is not among them.
    """
    found = [number for number in numbers(stated) if not is_seldom_a_number(number)]
    counted = [(number, _counted(text, number)) for text in held for number in numbers(text)]
    clauses = [numbers(clause) for text in held for clause in _CLAUSE_BORDER.split(text)]
    years = [number for number in found if _is_year(number)]
    wrong: list[Number] = []
    for number in found:
        thing = _counted(stated, number)
        of_thing = [other for other, what in counted if what == thing]
        things = [what for other, what in counted if agrees(number, [other])]
        if thing and of_thing and things and all(things) and thing not in things:
            wrong.append(number)
        if len(years) == 1 and not _is_year(number):
            beside = [[n for n in clause if _is_year(n)] for clause in clauses if agrees(number, clause)]
            if any(beside) and not any(agrees(years[0], others) for others in beside):
                wrong.append(number)
    return tuple(dict.fromkeys(wrong))


def _counted(text: str, number: Number) -> tuple[str, ...] | None:
    """The terms of the word right after `number`, if it is one that tells: of what there are so many."""
    following = next((word for word in words(text[number.end :])), None)
    if following is None or not following.tells or text[number.end : number.end + following.start].strip(" -"):
        return None
    return following.terms


def _is_year(number: Number) -> bool:
    return _YEAR_ALONE.fullmatch(number.text) is not None


def dates(text: str) -> tuple[Date, ...]:
    """The dates of `text` that name a month, in order; each stretch is read once, the fullest form first."""
    found: list[Date] = []
    for pattern in _DATES:
        for match in pattern.finditer(text):
            if any(d.start < match.end() and match.start() < d.end for d in found):
                continue
            groups = match.groupdict()
            month = groups["month"]
            number = int(month) if month.isdigit() else _MONTH_OF[month[:3].casefold()]
            year, day = groups.get("year"), groups.get("day")
            found.append(
                Date(
                    match.group().strip(),
                    int(year) if year else None,
                    number,
                    int(day) if day else None,
                    match.start(),
                    match.end(),
                )
            )
    return tuple(sorted(found, key=lambda d: d.start))


def agrees(number: Number, others: Iterable[Number]) -> bool:
    """Whether one of `others` states `number`, as closely as `number` is given."""
    slack = 1e-9 * max(1.0, abs(number.value))
    return any(number.low - slack <= other.value <= number.high + slack for other in others)


def date_agrees(date: Date, others: Iterable[Date], other_numbers: Sequence[Number]) -> bool:
    """Whether one of `others` is `date` in all that `date` gives. A year may stand elsewhere, as a number."""
    years = {n.value for n in other_numbers}
    return any(
        other.month == date.month
        and (date.day is None or other.day == date.day)
        and (date.year is None or other.year == date.year or (other.year is None and date.year in years))
        for other in others
    )


def names(sentence: str) -> tuple[Word, ...]:
    """The words of a sentence written with a capital that are no stop words, months or sentence openers.

    The first word has its capital from its place. It counts only if another capital stands in it (NATO, McKenna) or
    right after it (Rachel Bloom).
    """
    all_words = words(sentence)
    in_dates = [(d.start, d.end) for d in dates(sentence)]
    found: list[Word] = []
    for at, word in enumerate(all_words):
        if not word.tells or not word.text[0].isupper() or len(word.text) == 1:
            continue
        if any(a <= word.start < b for a, b in in_dates):
            continue
        if _opens(sentence, word.start) and not _is_surely_a_name(sentence, all_words, at):
            continue
        found.append(word)
    return tuple(found)


def opener(sentence: str) -> Word | None:
    """The first word of a sentence, if it may be a name though only its place shows: it has a capital, and a verb or an
    adverb follows ("Sherman said", "Sherman recently confirmed")."""
    first, *rest = words(sentence) or (None,)
    if first is None or not rest or not first.tells or not first.text[0].isupper():
        return None
    following = rest[0]
    is_verb = _AUXILIARY.fullmatch(following.text) or (following.tells and _VERB_OR_ADVERB.fullmatch(following.text))
    return first if is_verb and not sentence[first.end : following.start].strip() else None


def _opens(sentence: str, start: int) -> bool:
    before = sentence[:start].rstrip()
    return before.endswith(tuple("\"'“‘«.!?:")) or not before.rstrip("*•-–—> \t\n")


def _is_surely_a_name(sentence: str, all_words: Sequence[Word], at: int) -> bool:
    word = all_words[at]
    if any(letter.isupper() for letter in word.text[1:]):
        return True
    if at + 1 == len(all_words):
        return False
    following = all_words[at + 1]
    return following.text[0].isupper() and following.tells and sentence[word.end : following.start].strip() in ("", ".")


# What a country's or a person's name may end in, beside its stem: Russia, Russian; China, Chinese; Ukraine, Ukrainian.
_NAME_ENDINGS = frozenset(
    ("", "a", "e", "ia", "y", "n", "an", "ian", "ns", "ans", "ians", "ese", "ish", "i", "ic", "s", "land")
)


def name_agrees(name: Word, other_terms: frozenset[str], other_initials: frozenset[str]) -> bool:
    """Whether `name` is among `other_terms`, as itself, in a form of its own, or as the initials of longer names."""
    plain = frozenset(_without_accents(other) for other in other_terms)
    for term in map(_without_accents, name.terms):
        known = term in plain or {term, term.removesuffix("s")} & other_initials
        if not known and not any(_same_stem(term, other) for other in plain):
            return False
    return True


def _without_accents(term: str) -> str:
    return "".join(sign for sign in unicodedata.normalize("NFD", term) if not unicodedata.combining(sign))


def _same_stem(one: str, other: str) -> bool:
    shared = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        shared += 1
    return shared >= 4 and one[shared:] in _NAME_ENDINGS and other[shared:] in _NAME_ENDINGS


def initials(text: str) -> frozenset[str]:
    """The initials, folded, of every run of two to six capitalised words: "us" of United States, "nato" of its name."""
    found: set[str] = set()
    run: list[str] = []
    end = 0
    for word in words(text):
        apart = text[end : word.start].strip(" .-\n\u00a0")
        end = word.end
        if apart:
            run = []
        if word.text[0].isupper():
            run.append(word.text[0].casefold())
            found.update("".join(run[-length:]) for length in range(2, min(6, len(run)) + 1))
        elif word.tells:
            run = []
    return frozenset(found)


# fmt: off
_NEGATORS = frozenset((
    "not", "no", "never", "none", "neither", "nor", "without", "cannot", "nobody", "nothing", "nowhere", "hardly",
    "scarcely", "barely", "unable", "unlikely", "unwilling",
))
# fmt: on
# "Not only important" says that it is important.
_NO_NEGATION = regex.compile(r"\bnot\s+(?:only|just|merely|necessarily)\b", regex.IGNORECASE)
_NEGATED_CONTRACTION = regex.compile(r"n['’]t$", regex.IGNORECASE)
_REACH = 2
_CLAUSE_END = regex.compile(r"[,;:.!?()–—]|\b(?:but|however|although|though|while|whereas|because)\b", regex.IGNORECASE)
_PREFIXES = ("un", "in", "im", "dis", "il", "ir")

_OPPOSITES = """
    increase decrease | increase reduce | increase decline | rise fall | rise drop | grow shrink | raise lower |
    raise cut | gain lose | more less | more fewer | high low | higher lower | most least | maximum minimum |
    before after | early late | earlier later | first last | accept reject | accept refuse | agree refuse |
    allow forbid | allow ban | allow prohibit | allow prevent | permit prohibit | include exclude | win lose |
    win lost | won lost | win defeat | open close | begin end | start end | start stop | start finish | best worst |
    better worse | good bad | positive negative | true false | support oppose | support reject | approve reject |
    always never | cause prevent | cheap expensive | hot cold | warm cold | large small | larger smaller |
    long short | longer shorter | strong weak | stronger weaker | safe dangerous | success failure | succeed fail |
    north south | east west | northern southern | eastern western | left right | old young | older younger |
    male female | with without | confirm deny | buy sell | import export | majority minority | many few | much little |
    easy difficult | easy hard | fast slow | faster slower | enter leave | arrive depart | love hate | add remove |
    build destroy | born died | birth death | ancient modern | upper lower | inside outside | above below |
    ally enemy
"""


@cache
def _opposites() -> dict[str, frozenset[str]]:
    table: dict[str, set[str]] = {}
    for pair in _OPPOSITES.split("|"):
        if pair.strip():
            one, other = (terms(word)[0] for word in pair.split())
            table.setdefault(one, set()).add(other)
            table.setdefault(other, set()).add(one)
    return {term: frozenset(others) for term, others in table.items()}


def polarity(text: str) -> tuple[frozenset[str], frozenset[str]]:
    """The terms of the telling words that `text` asserts, and those it denies; a term may be among both.

    A negation denies the next two telling words of its clause.
    """
    asserted: set[str] = set()
    denied: set[str] = set()
    left = 0
    end = 0
    for word in words(text):
        if _CLAUSE_END.search(text, end, word.start) or _CLAUSE_END.fullmatch(word.text):
            left = 0
        end = word.end
        if _NO_NEGATION.match(text, word.start):
            continue
        if _is_negator(word):
            left = _REACH
        elif word.tells:
            (denied if left else asserted).update(word.terms)
            left = max(0, left - 1)
    return frozenset(asserted), frozenset(denied)


def _is_negator(word: Word) -> bool:
    folded = word.text.casefold()
    return folded in _NEGATORS or _NEGATED_CONTRACTION.search(folded) is not None


def opposed(term: str, others: frozenset[str]) -> str | None:
    """The word of `others` that says the opposite of `term`, if `term` itself is not among them; else None."""
    if term in others:
        return None
    for other in _opposites().get(term, frozenset()):
        if other in others:
            return other
    for prefix in _PREFIXES:
        if len(term) >= 4 and prefix + term in others:
            return prefix + term
        bare = term.removeprefix(prefix)
        if bare != term and len(bare) >= 4 and bare in others:
            return bare
    return None
