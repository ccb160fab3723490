"""Syntax highlighting of code line by line, at a cost that is linear in the code.

pygments reads each line once, when it is whole, and continues with the lexer's state from the line
before. Its lexers match a comment over several lines as one token, which no single line holds; so a
comment that a line leaves open is found by closing it on trial, and remembered.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache

from pygments.lexer import ExtendedRegexLexer, Lexer, LexerContext, RegexLexer
from pygments.lexers import find_lexer_class_by_name
from pygments.token import Comment, Generic, Keyword, Literal, Name, Number, Operator, String
from pygments.token import _TokenType as TokenType
from pygments.util import ClassNotFound

from chatrepl.terminal.draw.layout.spans import Line, span

_MAX_LINE_CHARS = 2000
"""Longer lines are data, and lexers may be slow on them: they are not coloured."""
_MAX_NAME_CHARS = 40
_COMMENTS = (("/*", "*/"), ("<!--", "-->"), ("{-", "-}"), ("(*", "*)"), ("--[[", "]]"))
_STYLES = {
    Comment: "code.comment",
    Comment.Preproc: "code.keyword",
    Comment.PreprocFile: "code.string",
    Keyword: "code.keyword",
    Keyword.Constant: "code.number",
    Keyword.Type: "code.type",
    Literal: "code.number",
    Number: "code.number",
    String: "code.string",
    Name.Attribute: "code.type",
    Name.Builtin: "code.type",
    Name.Class: "code.name",
    Name.Decorator: "code.name",
    Name.Exception: "code.type",
    Name.Function: "code.name",
    Name.Namespace: "code.type",
    Name.Tag: "code.keyword",
    Operator: "code.operator",
    Operator.Word: "code.keyword",
    Generic.Deleted: "code.deleted",
    Generic.Inserted: "code.inserted",
    Generic.Heading: "code.heading",
    Generic.Subheading: "code.heading",
    Generic.Prompt: "code.comment",
    Generic.Output: "code.block",
}

Token = tuple[TokenType, str]


class CodeHighlighter:
    """Highlighter of one code block's lines, in order; an unknown language stays plain."""

    def __init__(self, language: str) -> None:
        name = language.strip("{}. ").removeprefix("language-").lower()
        lexer_class = _lexer_class(name) if len(name) <= _MAX_NAME_CHARS else None
        self._lexer = lexer_class() if lexer_class else None
        self._states = ["root"]
        self._comment_end = ""

    def clone(self) -> "CodeHighlighter":
        """Return an independent copy."""
        twin = CodeHighlighter("")
        twin._lexer, twin._states = self._lexer, list(self._states)
        twin._comment_end = self._comment_end
        return twin

    def line(self, text: str) -> Line:
        """Return a line's spans; joined, their texts are exactly the line."""
        if self._lexer is None or len(text) > _MAX_LINE_CHARS:
            return [span(text, "code.block")]
        try:
            tokens = list(self._tokens(text))
        except Exception:  # noqa: BLE001 - a lexer is a program of its own, run on anything at all
            self._lexer = None
            return [span(text, "code.block")]
        return [(part, (_style_of(kind),), "") for kind, part in tokens]

    def _tokens(self, text: str) -> Iterator[Token]:
        if self._comment_end:
            before, end, rest = text.partition(self._comment_end)
            yield Comment, before + end
            if not end:
                return
            self._comment_end, text = "", rest
        opened = self._open_comment(text)
        yield from opened or self._lexed(text)

    def _open_comment(self, text: str) -> Sequence[Token]:
        """Return the tokens of a line that ends inside a comment, none for other lines."""
        for begin, end in _COMMENTS:
            at = text.rfind(begin)
            if at < 0 or end in text[at + len(begin) :]:
                continue
            states = list(self._states)
            tokens = self._lexed(f"{text} {end}")
            if _comment_begins_at(tokens, at):
                self._comment_end = end
                return _first(tokens, len(text))
            self._states = states
        return ()

    def _lexed(self, text: str) -> list[Token]:
        assert self._lexer is not None
        line = text + "\n"
        if _keeps_states(self._lexer):
            context = LexerContext(line, 0, self._states, len(line))
            read = ExtendedRegexLexer.get_tokens_unprocessed(self._lexer, context=context)
            tokens = [(kind, part) for _, kind, part in read]
            self._states = context.stack or ["root"]
        else:
            read = self._lexer.get_tokens_unprocessed(line)
            tokens = [(kind, part) for _, kind, part in read]
        if "".join(part for _, part in tokens) != line:
            raise ValueError(text)
        return _first(tokens, len(text))


def _first(tokens: Sequence[Token], length: int) -> list[Token]:
    """Cut tokens to so many characters."""
    start: list[Token] = []
    for kind, part in tokens:
        if length <= 0:
            break
        start.append((kind, part[:length]))
        length -= len(part)
    return start


def _comment_begins_at(tokens: Sequence[Token], at: int) -> bool:
    start = 0
    for kind, part in tokens:
        if start >= at:
            return start == at and kind in Comment
        start += len(part)
    return False


def _keeps_states(lexer: Lexer) -> bool:
    """Return whether a lexer's state is its stack alone, which is true of the regex lexers."""
    own = type(lexer).get_tokens_unprocessed
    return own in (RegexLexer.get_tokens_unprocessed, ExtendedRegexLexer.get_tokens_unprocessed)


@lru_cache(maxsize=64)
def _lexer_class(name: str) -> type[Lexer] | None:
    try:
        found: type[Lexer] = find_lexer_class_by_name(name)
        return found
    except ClassNotFound:
        return None


@lru_cache(maxsize=512)
def _style_of(kind: TokenType) -> str:
    ancestors = reversed(kind.split())
    return next((_STYLES[ancestor] for ancestor in ancestors if ancestor in _STYLES), "code.block")
