"""Talks to servers of the chat-completions API; the only package that knows the SDK.

client.py       one SDK client for each server, nothing taken from the environment unasked
model.py        the ``ChatModel`` of the core
reading.py      one response under way: the reading task, its watchdog
bodies.py       what a body is: a stream, JSON, a web page
sse.py          server-sent events
chunks.py       the chat-completions format
listing.py      the list of models
faults.py       exceptions of the SDK and the network, as errors that say what to do
error_bodies.py error bodies, as the same
error_texts.py  what their texts tell
error_lengths.py  a refused length in words that no list has
"""

from chatrepl.services.openai_api.chat_model import OpenAIChatModel

__all__ = ["OpenAIChatModel"]
