"""Which text may stand in a route: words, and nothing that could be a person, a number, a token, a host or a file.

Two measures. *Strict*: every word is in the vocabulary (`words.txt`, or the catalogue's `words`). *Lenient*: it reads
like a word. Neither lets digits through, but in versions and in words of the vocabulary such as `oauth2`.
"""

import re
from functools import cache
from pathlib import Path

LONGEST_SEGMENT = 64
LONGEST_WORD = 24
MOST_WORDS = 8  # of one segment
# Endings of addresses that programs serve; documents that people name are not among them.
EXTENSIONS = frozenset(
    {"asmx", "asp", "aspx", "atom", "cgi", "css", "htm", "html", "ico", "js", "json", "jsp", "mjs", "php", "rss"}
    | {"svc", "txt", "webmanifest", "xml", "yaml", "yml"}
)
# Endings beside a placeholder, which has the name: `{file}.csv`. None is the last label of a host.
FORMATS = EXTENSIONS.union(
    ("bin", "csv", "doc", "docx", "gif", "gz", "jpg", "log", "mp3", "mp4", "ndjson", "pdf", "png", "svg", "tar"),
    ("tsv", "webp", "xls", "xlsx"),
)
HOST_WORDS = frozenset({"localhost", "localdomain"})
VERSION = re.compile(r"[vV]\d{1,2}(?:\.\d{1,2}){0,2}(?:(?:alpha|beta|rc)\d{0,2})?")
EDGES = "-_.,@~"  # between text and a placeholder
# A colon between words is a method, as in `jobs:cancel`.
_between_words = re.compile(r"[-_]|(?<=[A-Za-z]):(?=[A-Za-z])").split
_camel = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+").findall
_UNLIKE_A_WORD = re.compile(r"(.)\1\1|[bcdfghjklmnpqrstvwxz]{5}|[bcdfghjklmnpqrstvwxz]{4,}$|[a-f]{6,}")


@cache
def vocabulary() -> frozenset[str]:
    lines = Path(__file__).with_name("words.txt").read_text(encoding="ascii").splitlines()
    return frozenset(word for line in lines if not line.startswith("#") for word in line.split())


def is_text(text: str, *, lenient: bool, declared: frozenset[str]) -> bool:
    """Whether `text` may be a segment of a route. `declared` are the catalogue's words."""
    if text in declared or VERSION.fullmatch(text):
        return True
    stem, dot, extension = text.rpartition(".")
    if not text or len(text) > LONGEST_SEGMENT or (dot and stem and extension not in EXTENSIONS):
        return False
    words = _between_words((stem or extension).strip("-_"))
    return len(words) <= MOST_WORDS and all(_is_word(word, lenient, declared) for word in words)


def is_text_beside_placeholder(text: str, *, is_after: bool, lenient: bool, declared: frozenset[str]) -> bool:
    """As `is_text`; `is_after` is whether a placeholder stands before it."""
    words = (text.removeprefix(":") if is_after else text).strip(EDGES)
    if not words:
        return True
    if text.startswith("."):
        return words in FORMATS
    # A second colon would begin a placeholder, if the pattern were read again.
    return ":" not in words and is_text(words, lenient=lenient, declared=declared)


def is_name(name: str) -> bool:
    """Whether `name` may name a placeholder: a developer's text, which may end in a digit."""
    words = _between_words(name.strip("_"))
    if words[-1][-1:].isdigit() and words[-1].lower() not in vocabulary():
        words[-1] = words[-1][:-1]
    return len(words) <= MOST_WORDS and all(_is_word(word, lenient=True, declared=frozenset()) for word in words)


def _is_word(word: str, lenient: bool, declared: frozenset[str]) -> bool:
    known = vocabulary()
    if word.lower() in known or word in declared or VERSION.fullmatch(word):
        return True
    parts = _camel(word)
    if not parts or "".join(parts) != word:  # empty, digits, signs, other alphabets
        return False
    if len(parts) == 1:
        return lenient and _reads_like_a_word(word.lower())
    # Letters in any case make short parts: Base64.
    return all(
        part.lower() in known or (lenient and len(part) > 2 and _reads_like_a_word(part.lower())) for part in parts
    )


def _reads_like_a_word(word: str) -> bool:
    return len(word) <= LONGEST_WORD and word not in HOST_WORDS and not _UNLIKE_A_WORD.search(word)
