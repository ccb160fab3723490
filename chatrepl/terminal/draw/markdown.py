"""Draw Markdown as it streams.

``MarkdownStream`` takes an answer in pieces and returns terminal lines (ANSI text without line
ends). A returned line is final: it may be printed once, above whatever is live. What is not finished
yet is drawn by ``tail``. For any way of cutting a text into pieces, at one width, the lines that
``feed`` and ``finish`` return are together the same.

    stream = MarkdownStream(width=80, style=style)
    for piece in answer:
        print(*stream.feed(piece))
        live_region.show(stream.tail(rows=20))
    print(*stream.finish())
"""

from chatrepl.terminal.draw.plain import PlainStream

__all__ = ["MarkdownStream"]


class MarkdownStream(PlainStream):
    """An answer's Markdown, drawn as it comes.

    ``feed(text)`` returns the lines it finished; ``tail(rows)`` the last rows of what is open, each
    at most ``width`` cells wide and without links (OSC 8), colours only; ``finish()`` the rest;
    ``resize(width)`` draws what is not finished at another width.
    """
