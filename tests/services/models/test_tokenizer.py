import asyncio
import hashlib
import random
from pathlib import Path

import pytest
import tiktoken
from hypothesis import given
from hypothesis import strategies as st

from chatrepl.services.models.tokenizer import TiktokenCounter, unpack
from tests.support import ROOT
from tests.support.alone import no_network, run_alone
from tests.support.tools.pack_vocabularies import PLACE, SHA256, pack, rank_file

URL = "https://openaipublic.blob.core.windows.net/encodings/{}.tiktoken"


@pytest.fixture(scope="module")
def counter() -> TiktokenCounter:
    made = TiktokenCounter()
    for encoding in ("o200k_base", "cl100k_base", "o200k_harmony"):
        asyncio.run(made.prepare(encoding))
    return made


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tiktoken.Encoding]:
    """Encodings built by tiktoken's own loader from rank files, whose hash it checks."""
    folder = tmp_path_factory.mktemp("ranks")
    for name in SHA256:
        file = folder / hashlib.sha1(URL.format(name).encode()).hexdigest()
        file.write_bytes(rank_file((PLACE / f"{name}.gz").read_bytes()))
    patch = pytest.MonkeyPatch()
    patch.setenv("TIKTOKEN_CACHE_DIR", str(folder))
    try:
        return {name: tiktoken.get_encoding(name) for name in (*SHA256, "o200k_harmony")}
    finally:
        patch.undo()


@pytest.mark.parametrize("name", SHA256)
def test_what_ships_is_the_published_rank_file_packed(name: str) -> None:
    shipped = (PLACE / f"{name}.gz").read_bytes()
    ranks = rank_file(shipped)
    assert hashlib.sha256(ranks).hexdigest() == SHA256[name]
    assert pack(ranks) == shipped


@given(st.lists(st.binary(min_size=1, max_size=255), max_size=30, unique=True))
def test_unpacking_gives_back_what_was_packed(tokens: list[bytes]) -> None:
    packed = len(tokens).to_bytes(4, "little") + bytes(map(len, tokens)) + b"".join(tokens)
    assert unpack(packed) == {token: rank for rank, token in enumerate(tokens)}


@pytest.mark.parametrize(
    ("text", "encoding", "tokens"),
    [
        ("tiktoken is great!", "cl100k_base", 6),
        ("antidisestablishmentarianism", "cl100k_base", 6),
        ("2 + 2 = 4", "cl100k_base", 7),
        ("2 + 2 = 4", "o200k_base", 7),
        ("お誕生日おめでとう", "cl100k_base", 9),
        ("お誕生日おめでとう", "o200k_base", 8),
        ("", "o200k_base", 0),
    ],
)
def test_single_texts_count_as_published(
    counter: TiktokenCounter, text: str, encoding: str, tokens: int
) -> None:
    assert counter.count(text, encoding) == tokens


# The worked example of OpenAI's cookbook, "How to count tokens with tiktoken" (MIT License).
EXAMPLE = [
    {
        "role": "system",
        "content": "You are a helpful, pattern-following assistant that translates corporate "
        "jargon into plain English.",
    },
    {
        "role": "system",
        "name": "example_user",
        "content": "New synergies will help drive top-line growth.",
    },
    {
        "role": "system",
        "name": "example_assistant",
        "content": "Things working well together will increase revenue.",
    },
    {
        "role": "system",
        "name": "example_user",
        "content": "Let's circle back when we have more bandwidth to touch base on opportunities "
        "for increased leverage.",
    },
    {
        "role": "system",
        "name": "example_assistant",
        "content": "Let's talk later when we're less busy about how to do better.",
    },
    {
        "role": "user",
        "content": "This late pivot means we don't have time to boil the ocean for the client "
        "deliverable.",
    },
]


@pytest.mark.parametrize(
    ("model", "per_message", "per_name", "tokens"),
    [
        ("gpt-4", 3, 1, 129),
        ("gpt-3.5-turbo", 3, 1, 129),
        ("gpt-4o", 3, 1, 124),
        ("gpt-4o-mini", 3, 1, 124),
        ("gpt-3.5-turbo-0301", 4, -1, 127),
    ],
)
def test_the_cookbooks_messages_count_as_published(
    counter: TiktokenCounter, model: str, per_message: int, per_name: int, tokens: int
) -> None:
    encoding, is_known = counter.encoding_for(model)
    texts = sum(counter.count(value, encoding) for message in EXAMPLE for value in message.values())
    names = sum("name" in message for message in EXAMPLE)
    assert is_known
    assert texts + per_message * len(EXAMPLE) + per_name * names + 3 == tokens


def mixed_text(chars: int) -> str:
    """Real source text, cut and shuffled with letters of many scripts, emoji and blanks."""
    chance = random.Random(7)
    files = [*sorted((ROOT / "chatrepl").rglob("*.py")), ROOT / "LICENSE"]
    source = "\n".join(file.read_text("utf-8") for file in files)
    scripts = [(0x400, 0x460), (0x4E00, 0x9FFF), (0x3040, 0x30FF), (0x600, 0x6FF), (0xE00, 0xE5F)]
    scripts += [(0x1F300, 0x1F6FF), (0x300, 0x36F), (0x2000, 0x206F), (0, 0x7F), (0xAC00, 0xD7A3)]
    parts: list[str] = []
    total = 0
    while total < chars:
        low, high = chance.choice(scripts)
        start = chance.randrange(len(source))
        parts += [
            source[start : start + chance.randrange(400)],
            "".join(chr(chance.randrange(low, high)) for _ in range(chance.randrange(40))),
            chance.choice(" \t\n\r\u00a0\u3000") * chance.randrange(200),
            "<|endoftext|><|im_start|>system"[: chance.randrange(32)],
        ]
        total += sum(map(len, parts[-4:]))
    return "".join(parts)


@pytest.mark.parametrize("encoding", [*SHA256, "o200k_harmony"])
def test_counts_are_those_of_tiktokens_own_encodings(
    counter: TiktokenCounter, plain: dict[str, tiktoken.Encoding], encoding: str
) -> None:
    own = plain[encoding]
    # About 1 MB for each of the three.
    text = mixed_text(830_000)
    assert counter.count(text, encoding) == len(own.encode(text, disallowed_special=()))
    for start in range(0, len(text), 997):
        piece = text[start : start + 997]
        assert counter.count(piece, encoding) == len(own.encode(piece, disallowed_special=()))


@given(st.text(max_size=200))
def test_counting_any_text_gives_what_tiktoken_gives(
    plain: dict[str, tiktoken.Encoding], text: str
) -> None:
    for encoding in SHA256:
        expected = len(plain[encoding].encode(text, disallowed_special=()))
        assert TiktokenCounter().count(text, encoding) == expected


@pytest.mark.parametrize("text", ["<|endoftext|>", "a <|im_start|>b", "<|fim_prefix|>" * 3])
def test_special_tokens_in_a_text_count_as_text(counter: TiktokenCounter, text: str) -> None:
    assert counter.count(text, "o200k_base") > text.count("<|") * 2


@pytest.mark.parametrize("text", ["\ud800", "a\udfffb", "\0", "\ud83d\ude00"])
def test_what_is_no_proper_text_is_counted_too(counter: TiktokenCounter, text: str) -> None:
    assert 1 <= counter.count(text, "o200k_base") <= 8


@pytest.mark.parametrize(
    ("blank", "in_a_token"), [(" ", 128), ("\t", 16), ("\u00a0", 8)], ids=["space", "tab", "nbsp"]
)
@pytest.mark.parametrize("encoding", SHA256)
@pytest.mark.parametrize("end", ["", "x"])
def test_a_megabyte_of_blanks_is_counted(
    counter: TiktokenCounter, blank: str, in_a_token: int, encoding: str, end: str
) -> None:
    run = 1_000_000
    few = 100 * in_a_token + run % in_a_token
    assert counter.count(blank * in_a_token, encoding) == 1
    expected = counter.count(blank * few + end, encoding) + (run - few) // in_a_token
    assert counter.count(blank * run + end, encoding) == expected


@pytest.mark.parametrize(
    ("model", "encoding"),
    [
        ("gpt-4.1-mini", "o200k_base"),
        ("gpt-4o-2024-08-06", "o200k_base"),
        ("gpt-5", "o200k_base"),
        ("o3-mini", "o200k_base"),
        ("o4-mini", "o200k_base"),
        ("chatgpt-4o-latest", "o200k_base"),
        ("gpt-4", "cl100k_base"),
        ("gpt-4-0613", "cl100k_base"),
        ("gpt-3.5-turbo-0301", "cl100k_base"),
        ("openai/gpt-4o", "o200k_base"),
        ("openrouter/openai/gpt-4o-mini", "o200k_base"),
        ("openai/gpt-4o:extended", "o200k_base"),
        ("ft:gpt-4o-2024-08-06:org::abc", "o200k_base"),
        ("gpt-oss-120b", "o200k_harmony"),
        ("openai/gpt-oss-20b", "o200k_harmony"),
        ("gpt-oss:20b", "o200k_harmony"),
    ],
)
def test_openais_models_are_known_in_every_way_they_are_written(model: str, encoding: str) -> None:
    assert TiktokenCounter().encoding_for(model) == (encoding, True)


@pytest.mark.parametrize(
    "model",
    ["", "/", "smollm2-135m-instruct", "Qwen/Qwen3-32B", "llama3.2:latest", "text-davinci-003"],
)
def test_other_models_are_estimated_with_the_newest_encoding(model: str) -> None:
    assert TiktokenCounter().encoding_for(model) == ("o200k_base", False)


COUNT_ALL = """
import asyncio, sys
from chatrepl.services.models.tokenizer import TiktokenCounter
assert "tiktoken" not in sys.modules
counter = TiktokenCounter()
for encoding in ("cl100k_base", "o200k_base", "o200k_harmony"):
    asyncio.run(counter.prepare(encoding))
    print(counter.count("tiktoken is great!", encoding))
"""


@pytest.mark.process
def test_counting_needs_no_network_and_leaves_tiktokens_cache_alone(tmp_path: Path) -> None:
    counts = run_alone(COUNT_ALL, *no_network(), TIKTOKEN_CACHE_DIR=str(tmp_path / "cache"))
    assert counts == ["6", "6", "6"]
    assert not list(tmp_path.iterdir())


WHILE_LOADING = """
import asyncio
from chatrepl.services.models.tokenizer import TiktokenCounter

async def main():
    counter = TiktokenCounter()
    both = [asyncio.create_task(counter.prepare("o200k_base")) for _ in range(2)]
    turns = 0
    while not all(task.done() for task in both):
        await asyncio.sleep(0.001)
        turns += 1
    print(turns > 5, counter.count("2 + 2 = 4", "o200k_base"))

asyncio.run(main())
"""


@pytest.mark.process
def test_the_event_loop_goes_on_while_a_vocabulary_is_loaded() -> None:
    assert run_alone(WHILE_LOADING) == ["True", "7"]


def test_tiktoken_is_left_as_it_was(counter: TiktokenCounter) -> None:
    from tiktoken import load
    from tiktoken_ext import openai_public

    assert counter.count("a", "o200k_base") == 1
    assert openai_public.load_tiktoken_bpe is load.load_tiktoken_bpe
