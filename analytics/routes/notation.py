"""Reads the route of any framework into segments of text and placeholders.

Understood are Django's `path()` and `re_path()` with DRF's suffixes, Flask, FastAPI, Express 4 and 5, Spring, ASP.NET,
Laravel, Rails, Go's mux, chi, Gin, Next.js and what is written like one of them. One reader for all, because a span
does not name its framework.
"""

import re
from dataclasses import dataclass, field
from typing import NamedTuple

from analytics.exceptions import AnalyticsError

DEEPEST = 8  # groups within groups
ANONYMOUS = ""
_METHOD = re.compile(r"[A-Z]{3,10} +([^/]*)(?=/)")  # Go: `GET host/path`
_URL = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*:)?//[^/?#]*")
_JAVASCRIPT = re.compile(r"/(\^.*)/[dgimsuvy]*", re.DOTALL)  # a RegExp as JavaScript prints it
_REGEX = re.compile(r"(?:^|/)\^|\(\?|\\|(?<!\{)\$$")
_SURELY_REGEX = re.compile(r"^\^|/\^|\(\?(?:P?<[A-Za-z_]|:)")
_QUANTIFIER = re.compile(r"(?:[*+?]|\{\d+,?\d*\}|\{,\d+\})[?+]?")
_IN_ANGLES = re.compile(r"(?:([A-Za-z_]\w*)(?:\(.*\))?:)?([A-Za-z_][\w-]*)(?:\.\.)?", re.ASCII)
_IN_BRACES = re.compile(r"[*+]{0,2}\s*([A-Za-z_][\w-]*)\s*(?:$|[:=<]|[?*+]$|\*\d+$|\.\.\.$)", re.ASCII)
_NOT_IN_BRACES = re.compile(r"@|::|(?::.*){5}")  # addresses
_IN_BRACKETS = re.compile(r"\[{1,2}(?:\.\.\.)?([A-Za-z_]\w*)\]{1,2}(?=[/.]|$)", re.ASCII)  # Next.js, ASP.NET
_AFTER_COLON = re.compile(r":([A-Za-z_]\w*)", re.ASCII)
_STAR = re.compile(r"\*{1,2}([A-Za-z_]\w*)?", re.ASCII)
_NAMED_GROUP = re.compile(r"\?P?<([A-Za-z_]\w*)>", re.ASCII)
_GROUP_OF_NOTHING = re.compile(r"\?(?:[=!#]|<[=!]|P=|[aiLmsux-]+$)")
_PLAIN_GROUP = re.compile(r"\?[aiLmsux-]*:")
_OPTIONAL_GROUP = re.compile(r"[/.]|[:*][A-Za-z_]")  # Rails: `(/:locale)`
BEFORE_COLON = "/-.@~({"  # Express; between letters or digits a colon is text: a time, an IPv6 address


class Placeholder(NamedTuple):
    name: str  # ANONYMOUS if it has none


Segment = list[str | Placeholder]


class Unreadable(AnalyticsError):
    """The route is in no notation that is known."""


class IsQuery(AnalyticsError):
    """It is a path with a query."""


@dataclass(slots=True)
class Notation:
    """`is_pattern` is whether no raw path looks like this; `is_open` whether a slash ends it that must be there."""

    segments: list[Segment] = field(default_factory=lambda: [[]])
    is_pattern: bool = False
    is_url: bool = False
    is_regex: bool = False
    is_open: bool = False


def read(text: str) -> Notation:
    """Raises Unreadable, IsQuery."""
    found = Notation()
    if method := _METHOD.match(text):
        text = text[method.end() :]
    elif url := _URL.match(text):
        text, found.is_url = text[url.end() :], True
    elif expression := _JAVASCRIPT.fullmatch(text):
        text = expression[1]
    found.is_regex = _REGEX.search(text) is not None
    found.is_pattern = _SURELY_REGEX.search(text) is not None
    _Reader(found, found.is_regex, DEEPEST).read(text)
    found.is_open = not found.segments[-1]
    found.segments = [segment for segment in found.segments if segment]
    return found


@dataclass(slots=True)
class _Reader:
    """Each step reads what begins at `at` and returns where the next one begins."""

    found: Notation
    is_regex: bool
    depth: int  # of groups that may still open

    def read(self, text: str) -> None:
        if not self.depth:
            raise Unreadable
        at = 0
        while at < len(text):
            at = _STEPS.get(text[at], _Reader._text)(self, text, at)

    def _inside(self, text: str, *, is_regex: bool) -> None:
        _Reader(self.found, is_regex, self.depth - 1).read(text)

    def _add(self, part: str | Placeholder) -> None:
        segment = self.found.segments[-1]
        if isinstance(part, str) and segment and isinstance(segment[-1], str):
            segment[-1] += part
        elif not (part == Placeholder(ANONYMOUS) and segment and segment[-1] == part):
            segment.append(part)

    def _named(self, name: str) -> None:
        self._add(Placeholder(name))
        self.found.is_pattern = True

    def _text(self, text: str, at: int) -> int:
        if self.is_regex and text[at] == "|":
            raise Unreadable
        self._add(text[at])
        return at + 1

    def _slash(self, text: str, at: int) -> int:
        self.found.segments.append([])
        return at + 1

    def _sign_of_regex(self, text: str, at: int) -> int:
        """`^`, `$` and `+`, which are of no width or repeat what is read already; elsewhere text."""
        return at + 1 if self.is_regex else self._text(text, at)

    def _star(self, text: str, at: int) -> int:
        """Express, Spring `*`, `**`; Rails, Gin `*path`."""
        star = _STAR.match(text, at)
        if self.is_regex or star is None:
            return self._sign_of_regex(text, at)
        self._add(Placeholder(star[1] or ANONYMOUS))
        return star.end()

    def _dot(self, text: str, at: int) -> int:
        """A regex's `.*`; other dots are text, in a regex too, whose author seldom escapes them."""
        if not self.is_regex or not _QUANTIFIER.match(text, at + 1):
            return self._text(text, at)
        self._add(Placeholder(ANONYMOUS))
        return _after_quantifier(text, at + 1)

    def _angle(self, text: str, at: int) -> int:
        """Django and Flask `<int:id>`, `<id>`; Rocket `<path..>`."""
        end = _end(text, at, "<", ">")
        inside = text[at + 1 : end].strip()
        found = _IN_ANGLES.fullmatch(inside)
        if found and (found[1] or "").startswith("drf_format_suffix"):
            self._add(".")
        if found:
            self._named(found[2])
        else:
            self._add(Placeholder(inside))
        return end + 1

    def _brace(self, text: str, at: int) -> int:
        """`{id}` with whatever constraint; Go `{$}`; Express 5 `{/:id}`; a URI template's `{?query}`."""
        if self.is_regex and (quantifier := _QUANTIFIER.match(text, at)):
            return quantifier.end()
        end = _end(text, at, "{", "}")
        inside = text[at + 1 : end].strip()
        if inside in ("", "..."):
            self._add(Placeholder(ANONYMOUS))
        elif (name := _IN_BRACES.match(inside)) and not _NOT_IN_BRACES.search(inside):
            self._named(name[1])
        elif inside[0] in "/.-:":
            self._inside(inside, is_regex=self.is_regex)
        elif inside[0] not in "$?&":
            self._add(Placeholder(inside))
        return end + 1

    def _bracket(self, text: str, at: int) -> int:
        """A regex's class, Next.js' `[id]` and `[[...path]]`, or text."""
        if self.is_regex:
            self._add(Placeholder(ANONYMOUS))
            return _after_quantifier(text, _end_of_class(text, at) + 1)
        if (at == 0 or text[at - 1] == "/") and (name := _IN_BRACKETS.match(text, at)):
            self._named(name[1])
            return name.end()
        return self._text(text, at)

    def _group(self, text: str, at: int) -> int:
        """A regex's group, or Rails' optional part; `(.:format)` is on every route of Rails and says nothing."""
        end = _end_of_group(text, at)
        inside = text[at + 1 : end]
        if name := _NAMED_GROUP.match(inside):
            self._named(name[1])
        elif plain := _PLAIN_GROUP.match(inside):
            if "|" in inside:
                self._add(Placeholder(ANONYMOUS))
            else:
                self._inside(inside[plain.end() :], is_regex=True)
        elif _GROUP_OF_NOTHING.match(inside) or inside == ".:format":
            pass
        elif not self.is_regex and _OPTIONAL_GROUP.match(inside) and not inside.startswith((".*", ".+")):
            self._inside(inside, is_regex=False)
        else:
            self._add(Placeholder(ANONYMOUS))
        return _after_quantifier(text, end + 1)

    def _colon(self, text: str, at: int) -> int:
        """Express `:id`, `:id?`, `:id(\\d+)`; in `{name}:cancel` and everywhere else it is text."""
        has_placeholder = any(isinstance(part, Placeholder) for part in self.found.segments[-1])
        is_placeholder = at == 0 or text[at - 1] in BEFORE_COLON or (has_placeholder and text[at - 1] != "}")
        name = _AFTER_COLON.match(text, at)
        if name is None or not is_placeholder:
            return self._text(text, at)
        self._named(name[1])
        end = name.end()
        if text[end : end + 1] == "(":
            end = _end_of_group(text, end) + 1
        return end + 1 if text[end : end + 1] in ("?", "*", "+") else end

    def _question(self, text: str, at: int) -> int:
        """`/?` at the end is no slash; otherwise what stands before it may be missing. Else a query begins."""
        rest = text[at + 1 :]
        segments = self.found.segments
        if rest.strip("$)") == "" and text[at - 1] == "/" and not segments[-1]:
            segments.pop()
        elif not self.is_regex and rest and not rest.startswith("/"):
            raise IsQuery
        return at + 1

    def _escape(self, text: str, at: int) -> int:
        """`\\d` and its like vary; `\\A` and its like are of no width; all else is the character."""
        if at + 1 == len(text):
            return self._text(text, at)
        character = text[at + 1]
        if character in "dwsDWS":
            self._add(Placeholder(ANONYMOUS))
        elif character == "/":
            self.found.segments.append([])
        elif character.isalnum() and character not in "AZzbBG":
            raise Unreadable  # a path of Windows more likely than a regex
        elif not character.isalnum():
            self._add(character)
        return _after_quantifier(text, at + 2) if character != "/" else at + 2


_STEPS = {
    "/": _Reader._slash,
    "<": _Reader._angle,
    "{": _Reader._brace,
    "[": _Reader._bracket,
    "(": _Reader._group,
    ":": _Reader._colon,
    "*": _Reader._star,
    "?": _Reader._question,
    "\\": _Reader._escape,
    ".": _Reader._dot,
    "^": _Reader._sign_of_regex,
    "$": _Reader._sign_of_regex,
    "+": _Reader._sign_of_regex,
}


def _after_quantifier(text: str, at: int) -> int:
    quantifier = _QUANTIFIER.match(text, at)
    return quantifier.end() if quantifier else at


def _end(text: str, at: int, opening: str, closing: str) -> int:
    """Where the bracket that opens at `at` closes. Raises Unreadable."""
    depth = 0
    for place in range(at, len(text)):
        depth += (text[place] == opening) - (text[place] == closing)
        if not depth:
            return place
    raise Unreadable


def _end_of_class(text: str, at: int) -> int:
    place = at + 1
    place += text[place : place + 1] == "^"
    place += text[place : place + 1] == "]"
    while place < len(text) and text[place] != "]":
        place += 2 if text[place] == "\\" else 1
    if place >= len(text):
        raise Unreadable
    return place


def _end_of_group(text: str, at: int) -> int:
    """As `_end`, with what a regex escapes and what stands in its classes passed over."""
    depth, place = 0, at
    while place < len(text):
        match text[place]:
            case "\\":
                place += 1
            case "[":
                place = _end_of_class(text, place)
            case "(":
                depth += 1
            case ")":
                depth -= 1
                if not depth:
                    return place
        place += 1
    raise Unreadable
