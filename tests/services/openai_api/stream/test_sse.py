from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatrepl.core.errors import Fault, ModelError
from chatrepl.services.openai_api.stream.sse import ServerSentEvent, SseParser


def parse(*pieces: bytes) -> list[ServerSentEvent]:
    parser = SseParser()
    events = []
    for piece in pieces:
        parser.feed(piece)
        events += parser.take()
    parser.finish()
    return events + parser.take()


def data_of(*pieces: bytes) -> list[str]:
    return [event.data for event in parse(*pieces)]


def cut(stream: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(min(place, len(stream)) for place in places), len(stream)]
    return [stream[start:end] for start, end in pairwise(edges)]


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        (b"data: one\n\ndata: two\n\n", ["one", "two"]),
        (b"data: one\r\n\r\ndata: two\r\n\r\n", ["one", "two"]),
        (b"data: one\r\rdata: two\r\r", ["one", "two"]),
        (b"data:one\n\ndata:  two\n\n", ["one", " two"]),
        (b"data: a\ndata: b\n\n", ["a\nb"]),
        (b"data: a\r\ndata: b\r\n\r\n", ["a\nb"]),
        (b"data\ndata\n\n", ["\n"]),
        (b": comment\n\ndata: x\n: inside\n\n", ["x"]),
        (b"\xef\xbb\xbfdata: first\n\n", ["first"]),
        (b"id: 1\nretry: 10\nunknown: 3\ndata: x\n\n", ["x"]),
        (b"\n\n\ndata: x\n\n\n\n", ["x"]),
        (b"data: no blank line\n", ["no blank line"]),
        (b"data: no line end", ["no line end"]),
        ("data: a\u2028b\u0085c\n\n".encode(), ["a\u2028b\u0085c"]),
        (b"data: bad \xff byte\n\ndata: fine\n\n", ["bad \ufffd byte", "fine"]),
        (b"", []),
        (b"event: ping\n\ndata: x\n\n", ["x"]),
    ],
)
def test_each_form_of_a_stream_gives_its_data(stream: bytes, expected: list[str]) -> None:
    assert data_of(stream) == expected
    assert data_of(*(stream[i : i + 1] for i in range(len(stream)))) == expected


def test_an_event_has_the_name_that_its_own_lines_gave() -> None:
    assert parse(b"event: error\ndata: x\n\ndata: y\n\nevent:end\ndata:z\n\n") == [
        ("error", "x"),
        ("", "y"),
        ("end", "z"),
    ]


streams = st.lists(
    st.sampled_from(
        [
            *(part.encode() for part in ("data: ", "data:", "event: error", ":", "x", "é", "😀")),
            *(b"\r", b"\n", b"\r\n", b"\n\n", b"\xef\xbb\xbf", b"\xff", b"data: {}\n\n"),
        ]
    ),
    max_size=40,
).map(b"".join)


@given(streams, st.lists(st.integers(0, 200), max_size=12))
def test_however_the_bytes_are_cut_the_events_are_the_same(
    stream: bytes, places: list[int]
) -> None:
    assert parse(*cut(stream, places)) == parse(stream)


@given(st.binary(max_size=400), st.lists(st.integers(0, 400), max_size=8))
def test_any_bytes_however_cut_give_the_same_events(stream: bytes, places: list[int]) -> None:
    assert parse(*cut(stream, places)) == parse(stream)


def test_a_character_that_is_split_between_packets_arrives_whole() -> None:
    stream = "data: 東京 😀\n\n".encode()
    for place in range(len(stream)):
        assert data_of(stream[:place], stream[place:]) == ["東京 😀"]


@pytest.mark.parametrize(
    "pieces",
    [
        [b"data: " + b"x" * 2000],
        [b"data: ", *[b"x" * 100] * 20],
        [b"data: " + b"x" * 90 + b"\n"] * 20,
        [b"data\n"] * 500,
    ],
)
def test_an_event_over_the_limit_is_an_error_and_those_before_are_kept(pieces: list[bytes]) -> None:
    parser = SseParser(maximum_event_bytes=1000)
    parser.feed(b"data: before\n\n")
    with pytest.raises(ModelError) as caught:
        for piece in pieces:
            parser.feed(piece)
    assert caught.value.fault is Fault.BAD_RESPONSE
    assert parser.take() == [("", "before")]


def test_many_events_within_the_limit_are_no_error() -> None:
    parser = SseParser(maximum_event_bytes=1000)
    for _ in range(100):
        parser.feed(b"data: " + b"x" * 900 + b"\n\n")
    assert len(parser.take()) == 100


def test_a_line_of_a_million_single_bytes_is_parsed_in_linear_work() -> None:
    count = 1_000_000
    parser = SseParser()
    parser.feed(b"data:")
    for _ in range(count):
        parser.feed(b"x")
    parser.feed(b"\n\n")
    assert [len(event.data) for event in parser.take()] == [count]
