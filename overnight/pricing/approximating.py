"""How many tokens a text has, about: by what its bytes are, without any model's vocabulary.

A real tokenizer reads some megabytes a second, and each model has its own. The weights are a fit to what
OpenAI's o200k makes of texts in 16 languages, code, JSON and numbers; `benchmarks/token_estimate.py` says how
far they are off. What a model really counts is learnt from its own past batches.
"""

_LOWER, _UPPER, _DIGIT, _SPACE, _NEWLINE, _SIGN, _LATIN, _TWO, _KANA, _HAN, _HANGUL, _THREE, _FOUR, _REST = (
    range(14)
)

_WEIGHTS = {
    _LOWER: 0.229,
    _UPPER: 0.33,
    _DIGIT: 0.465,
    _SPACE: 0.063,
    _NEWLINE: 0.322,
    _SIGN: 0.61,
    _LATIN: 1.02,
    _TWO: 0.34,
    _KANA: 0.7,
    _HAN: 0.8,
    _HANGUL: 0.71,
    _THREE: 0.39,
    _FOUR: 2.0,
}
"""Tokens that a byte stands for, by its class. Of a character of several bytes only the first counts."""


def _class_of(byte: int) -> int:  # noqa: PLR0911 - a table, read from above
    if byte >= 0xF0:
        return _FOUR
    if byte >= 0xC0:
        return _first_byte(byte)
    if byte >= 0x80:
        return _REST
    letter = chr(byte)
    if letter.islower():
        return _LOWER
    if letter.isupper():
        return _UPPER
    if letter.isdigit():
        return _DIGIT
    return {" ": _SPACE, "\n": _NEWLINE}.get(letter, _SIGN)


def _first_byte(byte: int) -> int:
    if byte >= 0xEE:
        return _THREE
    if byte >= 0xEA:
        return _HANGUL
    if byte >= 0xE4:
        return _HAN
    if byte == 0xE3:
        return _KANA
    if byte >= 0xE0:
        return _THREE
    return _TWO if byte >= 0xC6 else _LATIN


_CLASSES = bytes(map(_class_of, range(256)))


def approximate_tokens(text: str) -> float:
    """Return how many tokens `text` has, about."""
    classes = text.encode(errors="surrogatepass").translate(_CLASSES)
    return sum(classes.count(kind) * weight for kind, weight in _WEIGHTS.items())
