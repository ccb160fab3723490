"""Draw single events: tables, notices, messages, progress.

Each function takes an event of ``chatrepl.core.events`` and returns terminal lines: ANSI text
without line ends, safe whatever the event holds. ``width`` is the terminal's, in cells.
"""

from collections.abc import Iterable, Sequence
from itertools import chain

from chatrepl.core.conversation.attachments import name_of
from chatrepl.core.conversation.metadata import called_tools, format_figures
from chatrepl.core.conversation.outcomes import (
    content_events,
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
)
from chatrepl.core.events import Table as TableShown
from chatrepl.core.messages import Message, State
from chatrepl.core.text.terminal_safe import TextCleaner, safe_line
from chatrepl.core.turn.sequencer import HeldAnswer
from chatrepl.terminal.draw.answer_view import AnswerView
from chatrepl.terminal.draw.layout.cell_width import cell_width, clip
from chatrepl.terminal.draw.layout.spans import Span, paint, span
from chatrepl.terminal.draw.layout.style import ColorDepth, DrawStyle
from chatrepl.terminal.draw.layout.wrapping import Wrapper
from chatrepl.terminal.draw.markdown.highlighting import CodeHighlighter
from chatrepl.terminal.draw.markdown.tables import TableLayout
from chatrepl.terminal.draw.plain_text import PlainStream

__all__ = [
    "draw_answer_end",
    "draw_answer_start",
    "draw_coming",
    "draw_conversation",
    "draw_notice",
    "draw_plain",
    "draw_progress",
    "draw_table",
    "draw_user_message",
]

_LEVELS = {
    Level.INFO: ("info", "·", "-"),
    Level.SUCCESS: ("success", "✓", "+"),
    Level.WARNING: ("warning", "!", "!"),
    Level.ERROR: ("error", "✗", "x"),
}
_BAR_CELLS = 24
_LONGEST_RULE = 60


def draw_user_message(text: str, style: DrawStyle, width: int) -> list[str]:
    """Draw what the user sent behind a prompt mark; further lines are indented by as much."""
    mark = "❯ " if style.unicode else "> "  # noqa: RUF001
    wrapper = Wrapper(max(1, width - 2), keep_indent=True)
    wrapper.add([span(_clean(text).rstrip(), "user")])
    wrapper.finish()
    first, *rest = wrapper.lines or [[]]
    lines = [[span(mark, "prompt"), *first], *([span("  "), *line] for line in rest)]
    return [paint(line, style) for line in lines]


def draw_notice(notice: Notice, style: DrawStyle, width: int) -> list[str]:
    """Draw a notice, its hint dimmed behind it; a notice without text draws nothing."""
    if not notice.text:
        return []
    name, mark, ascii_mark = _LEVELS[notice.level]
    text = [span(_clean(notice.text), name)]
    if notice.hint:
        dash = " — " if style.unicode else " - "
        text.append(span(dash + _clean(notice.hint), "muted"))
    first = [span(f"{mark if style.unicode else ascii_mark} ", name)]
    return _hanging(text, first, style, width)


def draw_plain(text: PlainText, style: DrawStyle, width: int) -> list[str]:
    """Draw text as it is, line by line; the terminal wraps what is too long."""
    if text.language and style.colors is not ColorDepth.NONE:
        block = CodeHighlighter(text.language)
        lines = _clean(text.text).rstrip("\n").split("\n")
        return [paint(block.line(line), style) for line in lines]
    stream = PlainStream(width=width, style=style)
    return [*stream.feed(text.text), *stream.finish()]


def draw_table(table: TableShown, style: DrawStyle, width: int) -> list[str]:
    """Draw a table with its title above and its footer below."""
    columns = len(table.columns)
    layout = TableLayout(
        [[span(safe_line(name))] if name else [] for name in table.columns],
        ["right" if at in table.numeric else "left" for at in range(columns)],
        is_ruled=False,
        is_clipped=table.is_clipped,
    )
    for row in table.rows:
        layout.add([[span(safe_line(cell))] for cell in row[:columns]])
    lines: list[str] = []
    if table.title:
        lines += _hanging([span(_clean(table.title), "title")], [], style, width)
    lines += [paint(line, style) for line in layout.lines(width, style)] if columns else []
    for footer in table.footer:
        lines += _hanging([span(_clean(footer), "muted")], [], style, width)
    return lines


def draw_progress(progress: Progress, style: DrawStyle, width: int) -> str:
    """Draw one line: what is done of what, with a bar where the total is known."""
    label, done = safe_line(progress.label), _amount(progress.done, progress.unit)
    if progress.total <= 0:
        text = f"{label} {done}" if progress.done else f"{label}{'…' if style.unicode else '...'}"
        return paint([span(clip(text, width), "progress")], style)
    share = min(1.0, max(0.0, progress.done / progress.total))
    full, empty = ("━", "─") if style.unicode else ("#", "-")
    figures = f" {share:4.0%} {done} / {_amount(progress.total, progress.unit)}"
    cells = min(_BAR_CELLS, width - cell_width(figures) - min(cell_width(label), width // 3) - 1)
    if cells < 4:
        return paint([span(clip(label + figures, width), "progress")], style)
    filled = round(share * cells)
    room = width - cells - cell_width(figures) - 1
    bar = [span(full * filled, "progress"), span(empty * (cells - filled), "bar")]
    return paint([span(clip(label, room) + " "), *bar, span(figures, "muted")], style)


def draw_answer_start(started: AnswerStarted, style: DrawStyle, width: int) -> list[str]:
    """Draw what stands above one of several answers; nothing above an only one."""
    among = started.among
    if among is None:
        return []
    rule = "─" if style.unicode else "-"
    whose = f" {'·' if style.unicode else '-'} {safe_line(started.model)}"
    name = f"answer {among.number} of {among.of}" + (whose if among.is_compared else "")
    name = clip(name, max(1, width - 6))
    rest = max(0, min(width, _LONGEST_RULE) - cell_width(name) - 4)
    line = [span(f"{rule * 2} ", "rule"), span(name, "title"), span(f" {rule * rest}", "rule")]
    return [paint(line, style), ""]


def draw_coming(waiting: str, coming: Sequence[HeldAnswer], width: int, *, unicode: bool) -> str:
    """Say how far answers are that are not shown yet, behind what is awaited."""
    parts = [f"{one.number}: " + ("done" if one.is_done else _words(one.words)) for one in coming]
    line = (" · " if unicode else " - ").join([waiting, *parts] if waiting else parts)
    return clip(line if waiting else f"{'⋯' if unicode else '...'} {line}", width)


def _words(number: int) -> str:
    if not number:
        return "no word yet"
    return "1 word" if number == 1 else f"{number:,} words"


def draw_answer_end(ended: AnswerEnded, style: DrawStyle, width: int) -> list[str]:
    """Say in a dimmed line why an answer is not whole; nothing for one that is.

    What is no ordinary answer (a call of a tool, one that was filtered) is said in colour. A
    compared answer has its figures below it. What could be done is said only of an only answer:
    it is about the current one.
    """
    reason = _end_reason(ended.message)
    reason = reason.partition(";")[0] if ended.among is not None else reason
    told = [describe_tool_call(name, arguments) for name, arguments in called_tools(ended.message)]
    told += [describe_filtered(ended.message)]
    notices = [Notice(text, Level.WARNING) for text in told if text]
    lines = [line for notice in notices for line in draw_notice(notice, style, width)]
    lines += _hanging([span(reason, "muted")], [], style, width) if reason else []
    if ended.among is not None and ended.among.is_compared:
        figures = (" · " if style.unicode else " - ").join(format_figures(ended))
        lines += ["", *_hanging([span(figures, "muted")], [], style, width)]
    return lines


def draw_conversation(
    shown: ConversationShown, style: DrawStyle, width: int, *, is_markdown: bool = True
) -> list[str]:
    """Draw messages as they were drawn when they came, with an empty line between them."""
    drawn = (
        _message_lines(message, style, width, is_markdown=is_markdown) for message in shown.messages
    )
    parts = [lines for lines in drawn if lines]
    return [
        *chain.from_iterable([*lines, ""] for lines in parts[:-1]),
        *(parts[-1] if parts else []),
    ]


def _message_lines(
    message: Message, style: DrawStyle, width: int, *, is_markdown: bool
) -> list[str]:
    if message.role == "user":
        return [
            *draw_user_message(message.content, style, width),
            *_attached(message, style, width),
        ]
    if message.role != "assistant":
        lines = _hanging([span(_clean(message.content), "muted")], [], style, width)
        return [paint([span(f"{safe_line(message.role)}:", "muted")], style), *lines]
    answer = AnswerView(style, is_markdown=is_markdown, width=width)
    lines = answer.feed(ReasoningDelta(message.reasoning), width) if message.reasoning else []
    lines += chain.from_iterable(answer.feed(piece, width) for piece in content_events(message))
    lines += answer.finish(width)
    return [*lines, *draw_answer_end(AnswerEnded(message), style, width)]


def _attached(message: Message, style: DrawStyle, width: int) -> list[str]:
    """Name what went with a message."""
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
    match reason:
        case None | "" | "stop" | "content_filter":
            return ""
        case "length":
            return "length: the answer reached its token limit; /continue goes on"
        case "tool_calls" | "function_call":
            return "no tool is offered here: say what to do instead"
        case _:
            return f"ended: {safe_line(reason)}"


def _clean(text: str) -> str:
    cleaner = TextCleaner()
    return cleaner.feed(text) + cleaner.finish()


def _hanging(
    text: Iterable[Span], first: Sequence[Span], style: DrawStyle, width: int
) -> list[str]:
    """Fill lines with words; lines after the first are indented by what stands before it."""
    indent = sum(cell_width(part) for part, _, _ in first)
    wrapper = Wrapper(max(1, width - indent), keep_indent=True)
    wrapper.add(text)
    wrapper.finish()
    head, *rest = wrapper.lines or [[]]
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
