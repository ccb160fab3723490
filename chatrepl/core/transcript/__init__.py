"""Import and export of conversations: JSON, Markdown, HTML, and the forms of other programs."""

from chatrepl.core.transcript.api import from_api_messages
from chatrepl.core.transcript.html import to_html
from chatrepl.core.transcript.json_in import from_json, iter_json
from chatrepl.core.transcript.json_out import json_pieces, to_json
from chatrepl.core.transcript.llm_logs import from_llm_rows, from_llm_thread
from chatrepl.core.transcript.markdown import to_markdown
from chatrepl.core.transcript.transcript import Transcript, with_new_ids

__all__ = [
    "Transcript",
    "from_api_messages",
    "from_json",
    "from_llm_rows",
    "from_llm_thread",
    "iter_json",
    "json_pieces",
    "to_html",
    "to_json",
    "to_markdown",
    "with_new_ids",
]
