"""Construction of the live prompt's windows, application and frames."""

import os
from collections.abc import Callable

from prompt_toolkit.application import get_app
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.key_binding import KeyBindings
from prompt_toolkit.layout import BufferControl, Layout, SearchBufferControl, Window
from prompt_toolkit.layout.processors import BeforeInput, HighlightIncrementalSearchProcessor

from chatrepl.terminal.capabilities import rewraps
from chatrepl.terminal.screen.frames import Frames
from chatrepl.terminal.screen.live_region import Region, RegionState
from chatrepl.terminal.screen.prompt_toolkit_internals import LiveApplication
from chatrepl.terminal.screen.reflow import Reflow
from chatrepl.terminal.screen.renderer import LiveRenderer, WriterOutput
from chatrepl.terminal.tty.keyboard import Keyboard
from chatrepl.terminal.tty.query_sequences import answers_size
from chatrepl.terminal.tty.writer import TerminalWriter

_MIN_COLUMNS_FOR_MARK = 8


def build_view(state: RegionState, line: Buffer, answer: Window) -> tuple[Region, Layout]:
    """Return the region around an input line, and a layout with the focus on that line."""
    search_buffer = Buffer(name="search", multiline=False)
    search_control = SearchBufferControl(
        search_buffer,
        input_processors=[BeforeInput("search history: ", "dim")],
        ignore_case=True,
    )
    control = BufferControl(
        line,
        input_processors=[HighlightIncrementalSearchProcessor()],
        search_buffer_control=search_control,
        preview_search=True,
    )

    def mark(line_number: int, wrap_count: int) -> StyleAndTextTuples:
        if get_app().output.get_size().columns < _MIN_COLUMNS_FOR_MARK:
            return []
        is_first = line_number == 0 and wrap_count == 0
        return [("bold", state.mark)] if is_first else [("", " " * len(state.mark))]

    main = Window(control, wrap_lines=True, get_line_prefix=mark, dont_extend_height=True)
    region = Region(
        state,
        main=main,
        buffer=line,
        answer=answer,
        search=Window(search_control, height=1),
        is_searching=lambda: get_app().layout.is_searching,
        is_rewrapping=rewraps(os.environ),
    )
    return region, Layout(region, focused_element=main)


def build_frames(
    region: Region,
    layout: Layout,
    keys: KeyBindings,
    keyboard: Keyboard,
    output: WriterOutput,
    writer: TerminalWriter,
    *,
    on_resize: Callable[[], None],
    on_error: Callable[[Exception], None],
) -> tuple[LiveApplication, Frames]:
    """Return the application and the painter of its frames; nothing runs yet."""
    app = LiveApplication(
        layout=layout,
        key_bindings=keys,
        input=keyboard,
        output=output,
        include_default_pygments_style=False,
        erase_when_done=True,
        terminal_size_polling_interval=None,
        max_render_postpone_time=None,
    )
    app.ttimeoutlen = 0.05
    renderer = LiveRenderer(app.renderer.style, output)
    app.renderer = renderer
    frames = Frames(
        app,
        region,
        writer,
        output,
        renderer,
        reflow=Reflow(is_rewrapping=rewraps(os.environ), is_answering=answers_size(os.environ)),
        on_resize=on_resize,
        on_error=on_error,
        before_first=keyboard.collect_typed_ahead,
    )
    return app, frames
