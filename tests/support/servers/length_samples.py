"""Error responses of many servers to a request that is longer than the context window.

Each row: name, HTTP status, body, and the window and the prompt's length in tokens that the body
names (None: it names none). Numbers, and some words around them, are examples.
"""

from typing import Any

from tests.support.servers.error_samples import openai_body

__all__ = ["TOO_LONG"]

TOO_LONG: list[tuple[str, int, Any, int | None, int | None]] = [
    (
        "OpenAI",
        400,
        openai_body(
            "This model's maximum context length is 8192 tokens. However, your messages resulted "
            "in 9000 tokens. Please reduce the length of the messages.",
            param="messages",
            code="context_length_exceeded",
        ),
        8192,
        9000,
    ),
    (
        "OpenAI and Azure, with room for the answer",
        400,
        openai_body(
            "This model's maximum context length is 8,192 tokens. However, you requested 9,000 "
            "tokens (8,000 in the messages, 1,000 in the completion).",
            code="context_length_exceeded",
        ),
        8192,
        8000,
    ),
    (
        "vLLM",
        400,
        {
            "object": "error",
            "message": "This model's maximum context length is 2048 tokens. However, your request "
            "has 2500 input tokens. Please reduce the length of the input messages. None",
            "code": 400,
        },
        2048,
        2500,
    ),
    (
        "vLLM, max_tokens",
        400,
        openai_body(
            "'max_tokens' or 'max_completion_tokens' is too large: 9000. This model's maximum "
            "context length is 8192 tokens and your request has 20 input tokens (9000 > 8192 - 20)."
        ),
        8192,
        20,
    ),
    (
        "vLLM, prompt",
        400,
        openai_body(
            "The decoder prompt (length 9000) is longer than the maximum model length of 8192."
        ),
        8192,
        9000,
    ),
    (
        "vLLM, latest",
        400,
        openai_body(
            "You passed 9001 input tokens and requested 0 output tokens. However, the model's "
            "context length is only 8192 tokens, resulting in a maximum input length of 8191 "
            "tokens."
        ),
        8192,
        9001,
    ),
    (
        "SGLang",
        400,
        openai_body(
            "Requested token count exceeds the model's maximum context length of 8192 tokens. You "
            "requested a total of 9000 tokens: 8500 tokens from the input messages and 500 tokens "
            "for the completion."
        ),
        8192,
        8500,
    ),
    (
        "SGLang, prompt",
        400,
        openai_body(
            "The input (9000 tokens) is longer than the model's context length (8192 tokens)."
        ),
        8192,
        9000,
    ),
    (
        "llama.cpp, with fields",
        400,
        {
            "error": {
                "code": 400,
                "message": "the request exceeds the available context size, try increasing it",
                "type": "exceed_context_size_error",
                "n_prompt_tokens": 9000,
                "n_ctx": 4096,
            }
        },
        4096,
        9000,
    ),
    (
        "llama.cpp, in words, as a server's failure",
        500,
        openai_body(
            "request (9000 tokens) exceeds the available context size (4096 tokens), try "
            "increasing it"
        ),
        4096,
        9000,
    ),
    ("Ollama", 400, {"error": "the input length exceeds the context length"}, None, None),
    (
        "LM Studio",
        400,
        {
            "error": "Trying to keep the first 9000 tokens when context the overflows. However, "
            "the model is loaded with context length of only 4096 tokens, which is not enough."
        },
        4096,
        9000,
    ),
    (
        "OpenRouter",
        400,
        openai_body(
            "This endpoint's maximum context length is 8192 tokens. However, you requested about "
            "9000 tokens (8500 of text input, 500 in the output)."
        ),
        8192,
        8500,
    ),
    (
        "Anthropic",
        400,
        {
            "type": "error",
            "error": {
                "type": "invalid_request_error",
                "message": "prompt is too long: 210000 tokens > 200000 maximum",
            },
        },
        200000,
        210000,
    ),
    (
        "Anthropic, max_tokens",
        400,
        openai_body(
            "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000, decrease "
            "input length or `max_tokens` and try again"
        ),
        200000,
        190000,
    ),
    (
        "Gemini",
        400,
        openai_body(
            "The input token count (1200000) exceeds the maximum number of tokens allowed "
            "(1048576)."
        ),
        1048576,
        1200000,
    ),
    (
        "Mistral",
        400,
        {
            "object": "error",
            "message": "Prompt contains 40000 tokens and 0 draft tokens, too large for model with "
            "32768 maximum context length",
        },
        32768,
        40000,
    ),
    (
        "xAI",
        400,
        {
            "error": "This model's maximum prompt length is 131072 but the request contains 140000 "
            "tokens."
        },
        131072,
        140000,
    ),
    (
        "Groq",
        400,
        openai_body(
            "Please reduce the length of the messages or completion.",
            code="context_length_exceeded",
        ),
        None,
        None,
    ),
    (
        "Cohere",
        400,
        {
            "message": "too many tokens: total number of tokens in the prompt cannot exceed 4081 - "
            "received 4292."
        },
        4081,
        4292,
    ),
    (
        "TGI",
        422,
        {
            "error": "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 8192. "
            "Given: 9000 `inputs` tokens and 512 `max_new_tokens`"
        },
        8192,
        9000,
    ),
    ("Bedrock", 400, {"message": "Input is too long for requested model."}, None, None),
    (
        "digits without end",
        400,
        openai_body(f"maximum context length is {'9' * 5000} tokens"),
        None,
        None,
    ),
    (
        "OpenAI, configured limit",
        400,
        openai_body(
            "Input tokens exceed the configured limit of 272000 tokens. Your "
            "messages resulted in 310000 tokens. Please reduce the length of the "
            "messages.",
            param="messages",
            code="context_length_exceeded",
        ),
        272000,
        310000,
    ),
    (
        "OpenAI, without numbers",
        400,
        openai_body(
            "Your input exceeds the context window of this model. Please adjust "
            "your input and try again.",
            code="context_length_exceeded",
        ),
        None,
        None,
    ),
    (
        "OpenAI, with functions",
        400,
        openai_body(
            "This model's maximum context length is 8192 tokens. However, you "
            "requested 8213 tokens (6683 in the messages, 730 in the functions, and"
            " 800 in the completion). Please reduce the length of the messages, "
            "functions, or completion.",
            code="context_length_exceeded",
        ),
        8192,
        6683,
    ),
    (
        "OpenAI, prompts",
        400,
        openai_body(
            "This model's maximum context length is 4097 tokens, however you "
            "requested 4231 tokens (3975 in your prompt; 256 for the completion). "
            "Please reduce your prompt; or completion length."
        ),
        4097,
        3975,
    ),
    (
        "DeepSeek",
        400,
        openai_body(
            "This model's maximum context length is 131072 tokens. However, you "
            "requested 131134 tokens (122942 in the messages, 8192 in the "
            "completion). Please reduce the length of the messages or completion.",
            code="invalid_request_error",
        ),
        131072,
        122942,
    ),
    (
        "Together",
        422,
        openai_body(
            "Input validation error: `inputs` tokens + `max_new_tokens` must be <= "
            "4097. Given: 80125 `inputs` tokens and 4096 `max_new_tokens`",
            param="max_tokens",
        ),
        4097,
        80125,
    ),
    (
        "TGI, inputs",
        422,
        {
            "error": "Input validation error: `inputs` must have less than 1024 tokens. "
            "Given: 2346",
            "error_type": "validation",
        },
        1024,
        2346,
    ),
    (
        "vLLM, at least",
        400,
        openai_body(
            "This model's maximum context length is 4096 tokens. However, you "
            "requested 512 output tokens and your prompt contains at least 3585 "
            "input tokens, for a total of at least 4097 tokens. Please reduce the "
            "length of the input prompt or the number of requested output tokens. "
            "(parameter=input_tokens, value=3585)"
        ),
        4096,
        3585,
    ),
    (
        "vLLM, characters",
        400,
        openai_body(
            "You passed 40000 input characters and requested 512 output tokens. "
            "However, the model's context length is only 8192 tokens, resulting in "
            "a maximum input length of 7680 tokens (at most 30720 characters). "
            "Please reduce the length of the input prompt. (parameter=input_text, "
            "value=40000)"
        ),
        8192,
        None,
    ),
    (
        "vLLM, total length",
        400,
        openai_body(
            "The prompt (total length 9000) is too long to fit into the model "
            "(context length 8192). Make sure that `max_model_len` is no smaller "
            "than the number of text tokens plus multimodal tokens."
        ),
        8192,
        9000,
    ),
    (
        "SGLang, allowed length",
        400,
        {
            "object": "error",
            "message": "Input length (265330 tokens) exceeds the maximum allowed length "
            "(262138 tokens). Use a shorter input or enable --allow-auto-truncate.",
            "type": "BadRequestError",
            "param": None,
            "code": 400,
        },
        262138,
        265330,
    ),
    (
        "OpenRouter, allowed length",
        400,
        openai_body("Input length 5000 exceeds the maximum allowed input length of 4096 tokens."),
        4096,
        5000,
    ),
    (
        "llama.cpp, before it told numbers",
        500,
        openai_body(
            "the request exceeds the available context size. try increasing the "
            "context size or enable context shift"
        ),
        None,
        None,
    ),
    (
        "llama-cpp-python",
        400,
        openai_body(
            "This model's maximum context length is 2048 tokens. However, you "
            "requested 2326 tokens (2070 in the messages, 256 in the completion). "
            "Please reduce the length of the messages or completion.",
            param="messages",
            code="context_length_exceeded",
        ),
        2048,
        2070,
    ),
    (
        "llama-cpp-python, in words",
        500,
        openai_body("Requested tokens (2326) exceed context window of 2048"),
        2048,
        2326,
    ),
    (
        "Ollama, by how much",
        400,
        openai_body("prompt too long; exceeded max context length by 1234 tokens"),
        None,
        None,
    ),
    (
        "Ollama, input length",
        400,
        {"error": "input length exceeds maximum context length"},
        None,
        None,
    ),
    (
        "LM Studio, initial prompt",
        400,
        {
            "error": "The number of tokens to keep from the initial prompt is greater than "
            "the context length. Try to load the model with a larger context "
            "length, or provide a shorter input"
        },
        None,
        None,
    ),
    (
        "LM Studio, initial prompt with numbers",
        400,
        {
            "error": "The number of tokens to keep from the initial prompt is greater than "
            "the context length (n_keep: 9000>= n_ctx: 4096). Try to load the model"
            " with a larger context length, or provide a shorter input."
        },
        4096,
        9000,
    ),
    (
        "LM Studio, in the answer",
        400,
        {
            "error": {
                "message": "Reached context length of 4096 tokens with model (arch:llama) that "
                "does not currently support mid-generation context overflow. Try "
                "reloading with a larger context length or shortening the prompt/chat."
            }
        },
        4096,
        None,
    ),
    (
        "Gemini, without the prompt",
        400,
        [
            {
                "error": {
                    "code": 400,
                    "message": "The input token count exceeds the maximum number of tokens allowed "
                    "1048576.",
                    "status": "INVALID_ARGUMENT",
                }
            }
        ],
        1048576,
        None,
    ),
    (
        "Vertex AI",
        400,
        [
            {
                "error": {
                    "code": 400,
                    "message": "Unable to submit request because the input token count is 1200000 "
                    "but model only supports up to 1048576. Reduce the input token count and "
                    "try again. You can also use the CountTokens API to calculate prompt "
                    "token count and billable characters.",
                    "status": "INVALID_ARGUMENT",
                }
            }
        ],
        1048576,
        1200000,
    ),
    (
        "GitHub Copilot",
        400,
        openai_body(
            "prompt token count of 130000 exceeds the limit of 128000",
            code="model_max_prompt_tokens_exceeded",
        ),
        128000,
        130000,
    ),
    (
        "MiniMax",
        400,
        openai_body("invalid params, context window exceeds limit (2013)"),
        None,
        None,
    ),
    (
        "Moonshot",
        400,
        openai_body("Your request exceeded model token limit: 262144 (requested: 300000)"),
        262144,
        300000,
    ),
    (
        "Moonshot, without the prompt",
        400,
        openai_body("Invalid request: Your request exceeded model token limit: 8192"),
        8192,
        None,
    ),
    (
        "Mistral, latest",
        400,
        {
            "object": "error",
            "message": "Prompt contains 65673 tokens, too large for model with 32768 maximum "
            "context length",
            "type": "invalid_request_prompt",
        },
        32768,
        65673,
    ),
    (
        "DashScope",
        400,
        openai_body(
            "<400> InternalError.Algo.InvalidParameter: Range of input length should be [1, 30720]",
            code="invalid_parameter_error",
        ),
        30720,
        None,
    ),
    ("Zhipu", 400, {"error": {"code": "1261", "message": "Prompt exceeds max length"}}, None, None),
    (
        "Cohere, by how much",
        400,
        {
            "message": "too many tokens: size limit exceeded by 5000 tokens. Try using shorter"
            " or fewer inputs. The limit for this model is 128000 tokens."
        },
        128000,
        None,
    ),
    (
        "OpenRouter, of the server behind it",
        400,
        {
            "error": {
                "message": "Provider returned error",
                "code": 400,
                "metadata": {
                    "raw": '{"error":{"message":"This model\'s maximum context length is 32768 '
                    "tokens. However, you requested 40000 tokens (39000 in the messages, "
                    '1000 in the completion)."}}',
                    "provider_name": "X",
                },
            }
        },
        32768,
        39000,
    ),
    (
        "OpenRouter, with tools",
        400,
        openai_body(
            "This endpoint's maximum context length is 163840 tokens. However, you"
            " requested about 200123 tokens (195123 of text input, 1000 of tool "
            "input, 4000 in the output). Please reduce the length of either one, or"
            ' use the "middle-out" transform to compress your prompt automatically.'
        ),
        163840,
        195123,
    ),
    (
        "a configured context size",
        400,
        openai_body("Prompt has 150,000 tokens, but the configured context size is 128,000 tokens"),
        128000,
        150000,
    ),
    (
        "Cerebras",
        400,
        openai_body(
            "Please reduce the length of the messages or completion. Current length"
            " is 9000 while limit is 8192",
            code="context_length_exceeded",
        ),
        8192,
        9000,
    ),
]
