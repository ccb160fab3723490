"""Draw an answer's words shaded by how sure the model was of them."""

from collections.abc import Sequence

from chatrepl.core.events import WordsShaded
from chatrepl.core.text.terminal_safe import TextCleaner
from chatrepl.terminal.draw.layout.spans import Span, paint, span
from chatrepl.terminal.draw.layout.style import ColorDepth, DrawStyle
from chatrepl.terminal.draw.layout.wrapping import Wrapper

__all__ = ["draw_shaded"]

_STEPS = (
    (0.2, "unsure.guess", "under 20%"),
    (0.5, "unsure.much", "20 to 50%"),
    (0.9, "unsure.little", "50 to 90%"),
)
_SURE = "90% or more"


def draw_shaded(shaded: WordsShaded, style: DrawStyle, width: int) -> list[str]:
    """Draw the words with a legend; where there are no colours, unsure words carry a figure."""
    has_colors = style.colors is not ColorDepth.NONE
    wrapper = Wrapper(max(1, width), keep_indent=True)
    cleaner = TextCleaner()
    for text, probability in shaded.pieces:
        wrapper.add(_spans(cleaner.feed(text), probability, has_colors=has_colors))
    wrapper.add([span(cleaner.finish())])
    wrapper.finish()
    lines = [paint(line, style) for line in wrapper.lines]
    return [*lines, "", *_filled(_legend(has_colors=has_colors), style, width)]


def _spans(text: str, probability: float, *, has_colors: bool) -> list[Span]:
    name = next((name for limit, name, _ in _STEPS if probability < limit), "")
    word = text.strip()
    if not name or not word:
        return [span(text)]
    start = text.index(word)
    before, after = text[:start], text[start + len(word) :]
    mark = [] if has_colors else [span(f"[{probability:.0%}]")]
    return [span(before), span(word, name), *mark, span(after)]


def _legend(*, has_colors: bool) -> list[Span]:
    if not has_colors:
        return [span("[62%]: so sure the model was of the word; without a figure, 90% or more")]
    legend = [span(_SURE, "muted")]
    for _, name, words in reversed(_STEPS):
        legend += [span("  "), span(words, name)]
    return legend


def _filled(spans: Sequence[Span], style: DrawStyle, width: int) -> list[str]:
    wrapper = Wrapper(max(1, width), keep_indent=True)
    wrapper.add(list(spans))
    wrapper.finish()
    return [paint(line, style) for line in wrapper.lines]
