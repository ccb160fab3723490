"""Prices and costs: the shipped catalogue and the configuration's own table."""

from pathlib import Path

import pytest

from chatrepl.core.errors import UsageError
from chatrepl.core.events import Event, Table
from tests.support.servers.sse_server import SseServer
from tests.support.wired_session import Home

USAGE = {
    "prompt_tokens": 1_000_000,
    "completion_tokens": 100_000,
    "total_tokens": 1_100_000,
    "prompt_tokens_details": {"cached_tokens": 500_000},
    "completion_tokens_details": {"reasoning_tokens": 50_000},
}


def cost_of_last(events: list[Event]) -> str:
    tables = [event for event in events if isinstance(event, Table)]
    return tables[-1].rows[0][-1]


def cost(folder: Path, model: str, toml: str = "") -> str:
    home = Home(folder)
    home.configure(toml)
    with SseServer() as server:
        server.answer("hi", usage=USAGE)
        arguments = ["--base-url", server.base_url, "-m", model]
        return cost_of_last(home.talk(arguments, "hello", "/cost"))


def test_a_known_model_costs_what_its_maker_asks_cached_tokens_less(tmp_path: Path) -> None:
    # gpt-4.1-mini: 0.40 dollars a million, 0.10 where cached, 1.60 for the answer.
    assert cost(tmp_path, "gpt-4.1-mini") == "$0.41"


def test_an_unknown_model_costs_nothing_that_is_known(tmp_path: Path) -> None:
    assert cost(tmp_path, "somebody/model-7b") == "not known"


def test_prices_of_the_configuration_add_and_override(tmp_path: Path) -> None:
    own = '[prices."{}"]\nprompt = 2\ncompletion = 10\ncached = 1\nreasoning = 20\n'
    for model in ("somebody/model-7b", "gpt-4.1-mini"):
        # Half the prompt at 2, half at 1, half the answer at 10, half at 20.
        assert cost(tmp_path / model[:4], model, own.format(model)) == "$3.00"


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ("prices = 3\n", "line 1: prices is not a table"),
        ("[prices.m]\nprompt = 1\n", "line 1: completion is missing"),
        ("[prices.m]\nprompt = 1\ncompletion = -1\n", "line 3: completion is not a number"),
        ("[prices.m]\npromt = 1\n", "line 2: unknown key “promt”"),
        ("[prices]\nm = 1\n", "line 2: prices.m is not a table"),
    ],
)
def test_wrong_prices_are_told_with_their_line(tmp_path: Path, toml: str, said: str) -> None:
    home = Home(tmp_path)
    home.configure(toml)
    with pytest.raises(UsageError, match=said):
        home.talk(["--base-url", "http://127.0.0.1:1/v1", "-m", "m"])
