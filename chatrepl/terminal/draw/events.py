"""Drawing of single events: tables, notices, messages, progress, shaded words.

Each function takes an event of ``chatrepl.core.events`` and returns terminal lines: ANSI text
without line ends, safe whatever the event holds. ``width`` is the terminal's, in cells.
"""

from collections.abc import Sequence
from itertools import chain

from chatrepl.core.conversation.attachments import name_of
from chatrepl.core.conversation.ends import End, end_of
from chatrepl.core.conversation.metadata import called_tools, format_figures
from chatrepl.core.conversation.outcomes import (
    content_events,
    describe_empty,
    describe_filtered,
    describe_tool_call,
)
from chatrepl.core.events import (
    AnswerEnded,
    AnswerStarted,
    ConversationShown,
    Level,
    Notice,
    PlainText,
    Progress,
    ReasoningDelta,
    Table,
    WordsShaded,
)
from chatrepl.core.messages import Message, State
from chatrepl.core.text.terminal_safe import TextCleaner, safe_line
from chatrepl.core.turn.sequencer import HeldAnswer
from chatrepl.terminal.draw.answer_view import AnswerView
from chatrepl.terminal.draw.layout.cell_width import cell_width, clip
from chatrepl.terminal.draw.layout.spans import Line, paint, span, spans_width
from chatrepl.terminal.draw.layout.style import DrawStyle
from chatrepl.terminal.draw.layout.wrapping import Wrapper, wrapped
from chatrepl.terminal.draw.markdown.highlighting import CodeHighlighter
from chatrepl.terminal.draw.markdown.tables import TableLayout
from chatrepl.terminal.draw.plain_text import PlainStream

_LEVELS = {
    Level.INFO: ("info", "·"),
    Level.SUCCESS: ("success", "✓"),
    Level.WARNING: ("warning", "!"),
    Level.ERROR: ("error", "✗"),
}
_BAR_CELLS = 24
_MAX_RULE_CELLS = 60
# probability below which a word is shaded, style, legend
_SHADES = (
    (0.2, "unsure.guess", "under 20%"),
    (0.5, "unsure.much", "20 to 50%"),
    (0.9, "unsure.little", "50 to 90%"),
)


def draw_user_message(text: str, style: DrawStyle, width: int) -> list[str]:
    """Draw the user's message behind a prompt mark; further lines are indented by as much."""
    mark = span(style.signs("❯ "), "prompt")  # noqa: RUF001
    return _hanging([span(_clean(text).rstrip(), "user")], [mark], style, width)


def draw_notice(notice: Notice, style: DrawStyle, width: int) -> list[str]:
    """Draw a notice, its hint dimmed behind it; a notice without text has no lines."""
    if not notice.text:
        return []
    name, mark = _LEVELS[notice.level]
    text = [span(_clean(notice.text), name)]
    if notice.hint:
        text.append(span(style.signs(" — ") + _clean(notice.hint), "muted"))
    return _hanging(text, [span(style.signs(f"{mark} "), name)], style, width)


def draw_plain(text: PlainText, style: DrawStyle, width: int) -> list[str]:
    """Draw text as it is, line by line; the terminal wraps what is too long."""
    if text.language and style.has_colors:
        block = CodeHighlighter(text.language)
        lines = _clean(text.text).rstrip("\n").split("\n")
        return [paint(block.line(line), style) for line in lines]
    stream = PlainStream(width=width, style=style)
    return [*stream.feed(text.text), *stream.finish()]


def draw_table(table: Table, style: DrawStyle, width: int) -> list[str]:
    """Draw a table with its title above and its footer below."""
    columns = len(table.columns)
    layout = TableLayout(
        [[span(safe_line(name))] if name else [] for name in table.columns],
        ["right" if at in table.numeric else "left" for at in range(columns)],
        style,
        is_ruled=False,
        is_clipped=table.is_clipped,
    )
    for row in table.rows:
        layout.add([[span(safe_line(cell))] for cell in row[:columns]])
    lines: list[str] = []
    if table.title:
        lines += _filled(_clean(table.title), "title", style, width)
    lines += [paint(line, style) for line in layout.lines(width)] if columns else []
    for footer in table.footer:
        lines += _filled(_clean(footer), "muted", style, width)
    return lines


def draw_progress(progress: Progress, style: DrawStyle, width: int) -> str:
    """Draw progress in one line, with a bar if the total is known (above 0)."""
    label, done = safe_line(progress.label), _amount(progress.done, progress.unit)
    if progress.total <= 0:
        text = f"{label} {done}" if progress.done else label + style.signs("…")
        return paint([span(clip(text, width), "progress")], style)
    share = min(1.0, max(0.0, progress.done / progress.total))
    full, empty = style.signs("━"), style.signs("─")
    figures = f" {share:4.0%} {done} / {_amount(progress.total, progress.unit)}"
    cells = min(_BAR_CELLS, width - cell_width(figures) - min(cell_width(label), width // 3) - 1)
    if cells < 4:
        return paint([span(clip(label + figures, width), "progress")], style)
    filled = round(share * cells)
    room = width - cells - cell_width(figures) - 1
    bar = [span(full * filled, "progress"), span(empty * (cells - filled), "bar")]
    return paint([span(clip(label, room) + " "), *bar, span(figures, "muted")], style)


def draw_answer_start(started: AnswerStarted, style: DrawStyle, width: int) -> list[str]:
    """Draw the heading of one of several answers; a single answer has none."""
    among = started.among
    if among is None:
        return []
    rule = style.signs("─")
    model = style.signs(" · ") + safe_line(started.model) if among.is_compared else ""
    name = clip(f"answer {among.number} of {among.of}{model}", max(1, width - 6))
    rest = max(0, min(width, _MAX_RULE_CELLS) - cell_width(name) - 4)
    line = [span(f"{rule * 2} ", "rule"), span(name, "title"), span(f" {rule * rest}", "rule")]
    return [paint(line, style), ""]


def draw_held_answers(
    waiting: str, answers: Sequence[HeldAnswer], style: DrawStyle, width: int
) -> str:
    """Draw the progress of answers that are not shown yet, behind the line of the awaited one."""
    parts = [
        f"{answer.number}: " + ("done" if answer.is_done else _word_count(answer.words))
        for answer in answers
    ]
    line = style.signs(" · ").join([waiting, *parts] if waiting else parts)
    return clip(line if waiting else f"{style.signs('⋯')} {line}", width)


def _word_count(number: int) -> str:
    if not number:
        return "no word yet"
    return "1 word" if number == 1 else f"{number:,} words"


def draw_answer_end(ended: AnswerEnded, style: DrawStyle, width: int) -> list[str]:
    """Draw why an answer is not whole, in a dimmed line; a whole answer has no lines.

    Tool calls and filtered answers are drawn in colour. A compared answer has its figures below
    it, and no advice: commands act on the current answer only.
    """
    reason = _end_reason(ended.message)
    reason = reason.partition(";")[0] if ended.among is not None else reason
    texts = [describe_tool_call(name, arguments) for name, arguments in called_tools(ended.message)]
    texts += [describe_filtered(ended.message), describe_empty(ended.message)]
    notices = [Notice(text, Level.WARNING) for text in texts if text]
    lines = [line for notice in notices for line in draw_notice(notice, style, width)]
    lines += _filled(reason, "muted", style, width) if reason else []
    if ended.among is not None and ended.among.is_compared:
        figures = style.signs(" · ").join(format_figures(ended))
        lines += ["", *_filled(figures, "muted", style, width)]
    return lines


def draw_conversation(
    shown: ConversationShown, style: DrawStyle, width: int, *, is_markdown: bool = True
) -> list[str]:
    """Draw messages exactly as they were drawn while they streamed, an empty line between them."""
    drawn = (
        _message_lines(message, style, width, is_markdown=is_markdown) for message in shown.messages
    )
    return [*chain.from_iterable([*lines, ""] for lines in drawn if lines)][:-1]


def _message_lines(
    message: Message, style: DrawStyle, width: int, *, is_markdown: bool
) -> list[str]:
    if message.role == "user":
        return [
            *draw_user_message(message.content, style, width),
            *_attachment_lines(message, style, width),
        ]
    if message.role != "assistant":
        lines = _filled(_clean(message.content), "muted", style, width)
        return [paint([span(f"{safe_line(message.role)}:", "muted")], style), *lines]
    answer = AnswerView(style, is_markdown=is_markdown, width=width)
    lines = answer.feed(ReasoningDelta(message.reasoning), width) if message.reasoning else []
    lines += chain.from_iterable(answer.feed(piece, width) for piece in content_events(message))
    lines += answer.finish(width)
    return [*lines, *draw_answer_end(AnswerEnded(message), style, width)]


def _attachment_lines(message: Message, style: DrawStyle, width: int) -> list[str]:
    names = ", ".join(name_of(attachment) for attachment in message.attachments)
    if not names:
        return []
    return _hanging([span(f"attached {_clean(names)}", "muted")], [span("  ")], style, width)


def _end_reason(message: Message) -> str:
    match message.state:
        case State.STOPPED:
            return "stopped"
        case State.CUT:
            return "cut off: the answer ended before its end; /continue goes on"
        case State.FAILED:
            return "failed: no answer came; /retry sends the message again"
        case State.STREAMING:
            return "unfinished"
        case State.COMPLETE:
            return _finish_reason(message.finish_reason)


def _finish_reason(reason: str | None) -> str:
    match end_of(reason):
        case End.WHOLE | End.FILTERED:
            return ""
        case End.CUT:
            return "length: the answer reached its token limit; /continue goes on"
        case End.TOOLS:
            return "no tool is offered here: say what to do instead"
        case End.FAILED | End.UNKNOWN:
            return f"ended: {safe_line(reason or '')}"


def draw_shaded(shaded: WordsShaded, style: DrawStyle, width: int) -> list[str]:
    """Draw words shaded by their probability, with a legend; without colours they have figures."""
    wrapper = Wrapper(width, keep_indent=True)
    cleaner = TextCleaner()
    for text, probability in shaded.pieces:
        wrapper.add(_shaded_spans(cleaner.feed(text), probability, style))
    wrapper.add([span(cleaner.finish())])
    wrapper.finish()
    lines = [*wrapper.lines, [], *wrapped(_shade_legend(style), width, keep_indent=True)]
    return [paint(line, style) for line in lines]


def _shaded_spans(text: str, probability: float, style: DrawStyle) -> Line:
    name = next((name for limit, name, _ in _SHADES if probability < limit), "")
    word = text.strip()
    if not name or not word:
        return [span(text)]
    before, after = text.split(word, 1)
    mark = [] if style.has_colors else [span(f"[{probability:.0%}]")]
    return [span(before), span(word, name), *mark, span(after)]


def _shade_legend(style: DrawStyle) -> Line:
    if not style.has_colors:
        return [span("[62%]: so sure the model was of the word; without a figure, 90% or more")]
    legend = [span("90% or more", "muted")]
    for _, name, words in reversed(_SHADES):
        legend += [span("  "), span(words, name)]
    return legend


def _clean(text: str) -> str:
    cleaner = TextCleaner()
    return cleaner.feed(text) + cleaner.finish()


def _filled(text: str, name: str, style: DrawStyle, width: int) -> list[str]:
    return _hanging([span(text, name)], [], style, width)


def _hanging(text: Line, first: Line, style: DrawStyle, width: int) -> list[str]:
    """Wrap text behind ``first``; the lines below are indented by its width. At least one line."""
    indent = spans_width(first)
    head, *rest = wrapped(text, width - indent, keep_indent=True) or [[]]
    lines = [[*first, *head], *([span(" " * indent), *line] for line in rest)]
    return [paint(line, style) for line in lines]


def _amount(number: int, unit: str) -> str:
    if unit != "B":
        return f"{number:,} {safe_line(unit)}".rstrip()
    size = float(number)
    for prefix in ("", "k", "M"):
        if size < 1000:
            return f"{size:.0f} {prefix}B" if not prefix else f"{size:.1f} {prefix}B"
        size /= 1000
    return f"{size:.2f} GB"
