"""LaTeX formulas as Unicode text, where that says the same; the one owner of pylatexenc.

The symbols are pylatexenc's, superscripts and subscripts come from the Unicode database. A formula
with anything unknown in it, or with more than one line, has no Unicode form here: it is better
shown as written than half changed.
"""

import re
import unicodedata
from collections.abc import Mapping
from functools import cache

from chatrepl.core.text.terminal_safe import safe_text
from chatrepl.terminal.draw.layout.spans import Line, span
from chatrepl.terminal.draw.markdown.inline_syntax import NO_MATCH, WAIT, Construct, MatchResult

_TOKEN = re.compile(r"\\(?:[A-Za-z]+\*?|.)|\s+|.", re.DOTALL)
_MAX_DEPTH = 24
_ATOM = re.compile("√?(?:[0-9.]+|[^\\W\\d_][₀-₉⁰-⁹²³¹\u2032]*|\\([^()]*\\))")
_SCRIPTED = ("<sub>", "<super>")
_TOUCHING = re.compile(r"[^\W_]\0[^\W_]")
_WRAPPERS = frozenset(
    [
        *("text", "textrm", "textbf", "textit", "mathrm", "mathbf", "mathit", "mathsf"),
        *("operatorname", "boldsymbol", "bm", "boxed", "mbox"),
    ]
)
_ALPHABETS = frozenset(["mathbb", "mathcal", "mathfrak", "mathscr"])
_ACCENTS = frozenset(
    ["hat", "vec", "bar", "tilde", "dot", "ddot", "check", "breve", "acute", "grave"]
)
_FRACTIONS = frozenset(["frac", "dfrac", "tfrac", "cfrac"])
_ROOTS = {"2": "√", "3": "∛", "4": "∜"}
_SPACES = {",": " ", ";": " ", ":": " ", " ": " ", "!": "", "quad": "  ", "qquad": "    "}
_SIZES = frozenset(
    [
        *("left", "right", "middle", "big", "Big", "bigg", "Bigg", "bigl", "bigr", "Bigl", "Bigr"),
        *("displaystyle", "textstyle", "limits"),
    ]
)


class _AmbiguousError(Exception):
    """Raised for a formula with parts that Unicode cannot write unambiguously."""


def latex_to_unicode(source: str) -> str | None:
    """Convert a formula to Unicode; None if that would be ambiguous or a part is unknown."""
    try:
        text = _Formula(source).converted()
    except _AmbiguousError:
        return None
    return safe_text(" ".join(text.split())) or None


class _Formula:
    """A recursive-descent parser over a formula's tokens that returns Unicode text."""

    def __init__(self, source: str) -> None:
        self._tokens: list[str] = _TOKEN.findall(source)
        self._at = 0
        self._depth = 0

    def converted(self) -> str:
        return self._until("")

    def _next(self) -> str:
        """Return the next token and move on; at the end there is none, an empty string."""
        self._at += 1
        return self._tokens[self._at - 1] if self._at <= len(self._tokens) else ""

    def _skip(self, wanted: str = "") -> bool:
        """Skip white space, and the wanted token if it follows; return whether it did."""
        while self._at < len(self._tokens) and self._tokens[self._at].isspace():
            self._at += 1
        is_there = self._tokens[self._at : self._at + 1] == [wanted]
        self._at += is_there
        return is_there

    def _until(self, end: str) -> str:
        parts: list[str] = []
        while token := self._next():
            if token == end:
                return _spaced(parts)
            parts.append(self._unicode(token))
        if end:
            raise _AmbiguousError
        return _spaced(parts)

    def _unicode(self, token: str) -> str:
        match token:
            case "{":
                return self._group("}")
            case "}" | "&" | "%" | "#" | "$" | "~":
                raise _AmbiguousError
            case "^" | "_":
                return _script(self._argument(), token)
            case "'":
                return "\u2032"
            case _ if token.isspace():
                return " "
            case _ if token.startswith("\\"):
                return self._macro(token[1:])
            case _:
                return token

    def _group(self, end: str) -> str:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise _AmbiguousError
        text = self._until(end)
        self._depth -= 1
        return text

    def _argument(self) -> str:
        self._skip()
        token = self._next()
        if token in ("", "^", "_"):
            raise _AmbiguousError
        return self._unicode(token).strip()

    def _macro(self, name: str) -> str:
        if name == "\\":
            raise _AmbiguousError
        if name in _SPACES:
            return _SPACES[name]
        if name in _SIZES:
            return self._delimiter(name)
        if name in _WRAPPERS:
            return self._verbatim() if name.startswith("text") else self._argument()
        if name in _FRACTIONS:
            return f"{_numerator(self._argument())}/{_denominator(self._argument())}"
        if name == "sqrt":
            return self._root()
        if name == "overline":
            return "".join(character + "\u0305" for character in self._argument())
        if name in _ALPHABETS or name in _ACCENTS:
            return self._lettered(name)
        if name == "pmod":
            return f"(mod {self._argument()})"
        return _symbol(name)

    def _delimiter(self, name: str) -> str:
        """Drop a size; after ``left`` and ``right`` a full stop stands for no delimiter."""
        if name in ("left", "right"):
            self._skip(".")
        return ""

    def _verbatim(self) -> str:
        """Read a group of text, whose tokens have no mathematical meaning."""
        words = ""
        if not self._skip("{"):
            raise _AmbiguousError
        while (token := self._next()) != "}":
            if not token:
                raise _AmbiguousError
            words += token
        if any(mark in words for mark in "\\{$"):
            raise _AmbiguousError
        return words

    def _root(self) -> str:
        index = self._group("]").strip() if self._skip("[") else "2"
        if index not in _ROOTS:
            raise _AmbiguousError
        return _ROOTS[index] + _denominator(self._argument())

    def _lettered(self, name: str) -> str:
        letters = self._argument()
        if not letters or (name in _ACCENTS and len(letters) > 1):
            raise _AmbiguousError
        return "".join(_letter(name, letter) for letter in letters)


def _spaced(parts: list[str]) -> str:
    """Join parts; a function's name is set apart from letters and digits by a space.

    Superscripts and subscripts belong to the name: they follow it directly.
    """
    text, was_name = "", False
    for part in parts:
        if was_name and unicodedata.decomposition(part[:1] or " ").startswith(_SCRIPTED):
            text += part
            continue
        is_name = len(part) > 1 and part.isalpha() and part.isascii()
        if (is_name or was_name) and _TOUCHING.search(text[-1:] + "\0" + part[:1]):
            text += " "
        text += part
        was_name = is_name
    return text


def _numerator(text: str) -> str:
    """Put a sum, a relation or anything that holds a fraction in brackets."""
    depth = 0
    for character in text:
        depth += (character in "([{") - (character in ")]}")
        if depth == 0 and (character.isspace() or _is_operator(character)):
            return f"({text})"
    return text if depth == 0 and "/" not in text and text else f"({text})"


def _is_operator(character: str) -> bool:
    return unicodedata.category(character) in ("Sm", "Pd", "Po") and character not in "√∛∜∞∂∇"


def _denominator(text: str) -> str:
    return text if _ATOM.fullmatch(text) else f"({text})"


def _script(text: str, mark: str) -> str:
    if mark == "^" and text in ("∘", "°"):
        return "°"
    if mark == "^" and text and not text.strip("\u2032"):
        return text
    letters = _scripts()["super" if mark == "^" else "sub"]
    if text and all(letter in letters for letter in text):
        return "".join(letters[letter] for letter in text)
    return f"{mark}{text}" if len(text) == 1 else f"{mark}({text})"


@cache
def _scripts() -> Mapping[str, Mapping[str, str]]:
    """Map characters to the superscript and subscript forms that Unicode has of them."""
    found: dict[str, dict[str, str]] = {"super": {}, "sub": {}}
    for code in (
        *range(0xB2, 0xBA),
        *range(0x2B0, 0x2B9),
        *range(0x1D2C, 0x1DC0),
        *range(0x2070, 0x20A0),
        0x2C7C,
    ):
        kind, _, plain = unicodedata.decomposition(chr(code)).partition(" ")
        if kind in ("<super>", "<sub>") and " " not in plain:
            found[kind.strip("<>")].setdefault(chr(int(plain, 16)), chr(code))
    for letters in found.values():
        letters["-"] = letters["\u2212"]
        letters[" "] = ""
    return found


@cache
def _symbol(name: str) -> str:
    from pylatexenc.latex2text import get_default_latex_context_db

    found = get_default_latex_context_db().get_macro_spec(name)
    text = getattr(found, "simplify_repl", None)
    if not isinstance(text, str) or not text or "%" in text:
        raise _AmbiguousError
    return text


@cache
def _letter(name: str, letter: str) -> str:
    """Return a letter with an accent, or of another alphabet."""
    from pylatexenc.latex2text import LatexNodes2Text

    if not letter.isalnum():
        raise _AmbiguousError
    text = str(LatexNodes2Text(math_mode="text").latex_to_text(f"\\{name}{{{letter}}}")).strip()
    if not text or text == letter:
        raise _AmbiguousError
    return text


_SINGLE = re.compile(r"\$((?:\\.|[^$\n`\\]){1,300})\$")
_SINGLE_PREFIX = re.compile(r"\$(?:\\.|[^$\n`\\]){0,300}\\?")
_DOUBLE = re.compile(r"\$\$((?:\\.|[^$`\\])+)\$\$", re.DOTALL)
_DOUBLE_PREFIX = re.compile(r"\$\$(?:\\.|[^$`\\])*[\\$]?", re.DOTALL)
_SIGN = re.compile(r"\\[A-Za-z]|[\^_=<>]| [+\-*/] ")
_WORD = re.compile(r"(?<![A-Za-z\\])[A-Za-z]{3,}")


def math_span(window: str, before: str, *, is_whole: bool) -> MatchResult:
    r"""Match LaTeX between ``$``, ``$$``, ``\(`` and ``\)``, or ``\[`` and ``\]``."""
    if window.startswith("\\"):
        return _bracketed(window, is_whole=is_whole)
    if len(window) == 1 and not is_whole:
        return WAIT
    if window.startswith("$$"):
        if match := _DOUBLE.match(window):
            return Construct(len(match[0]), math_spans(match[1], match[0]))
        return WAIT if not is_whole and _DOUBLE_PREFIX.fullmatch(window) else NO_MATCH
    if before.isalnum() or before == "$" or window[1:2].isspace():
        return NO_MATCH
    return _between_dollars(window, is_whole=is_whole)


def _bracketed(window: str, *, is_whole: bool) -> MatchResult:
    end = window.find("\\)" if window[1] == "(" else "\\]", 2)
    if end < 0:
        return NO_MATCH if is_whole else WAIT
    content = window[2:end].strip()
    is_escape = window[1] == "[" and not _SIGN.search(content)
    if is_escape or not _is_math(content):
        return NO_MATCH
    return Construct(end + 2, math_spans(content, window[: end + 2]))


def _between_dollars(window: str, *, is_whole: bool) -> MatchResult:
    match = _SINGLE.match(window)
    if match is None:
        return WAIT if not is_whole and _SINGLE_PREFIX.fullmatch(window) else NO_MATCH
    if match.end() == len(window) and not is_whole:
        return WAIT
    content, after = match[1], window[match.end() : match.end() + 1]
    if content[-1].isspace() or after.isalnum() or after == "$" or not _is_math(content):
        return NO_MATCH
    return Construct(len(match[0]), math_spans(content, match[0]))


def _is_math(content: str) -> bool:
    """Return whether text is a formula, not prose or prices: a mathematical sign or one term."""
    if "\\" not in content and _WORD.search(content):
        return False
    return bool(_SIGN.search(content)) or (bool(content) and " " not in content)


def math_spans(content: str, source: str) -> Line:
    """Draw a formula as Unicode, or its source where that has no Unicode form."""
    text = latex_to_unicode(" ".join(content.split()))
    return [span(source if text is None else text, "math")]
