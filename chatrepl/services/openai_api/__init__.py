"""Client of chat-completions servers; the only package that imports the OpenAI SDK.

chat_model.py   the ``ChatModel`` port
clients.py      SDK clients, one for each server, without unwanted settings of the environment
model_list.py   parser of the list of models
json_fields.py  typed access to servers' JSON, which is not trusted
request_log.py  requests in the debug log
web_page.py     download of web pages
stream/         one response: reader task, body, server-sent events, chunks
errors/         exceptions and error responses, converted to ``ModelError``
"""

from chatrepl.services.openai_api.chat_model import OpenAIChatModel

__all__ = ["OpenAIChatModel"]
