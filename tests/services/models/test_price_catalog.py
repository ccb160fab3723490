import asyncio

import pytest

from chatrepl.core.ports.chat_model import Price
from chatrepl.services.models.price_catalog import PriceCatalog
from tests.support.alone import no_network, run_alone


@pytest.fixture(scope="module")
def catalog() -> PriceCatalog:
    made = PriceCatalog()
    asyncio.run(made.prepare())
    return made


@pytest.mark.parametrize(
    ("model", "tokens"),
    [
        ("gpt-4.1-mini", 1_000_000),
        ("gpt-4o", 128_000),
        ("gpt-4o-2024-08-06", 128_000),
        ("gpt-4", 8_192),
        ("gpt-3.5-turbo", 16_385),
        ("gpt-5", 400_000),
        ("o3", 200_000),
        ("chatgpt-4o-latest", 128_000),
        ("openai/gpt-4o", 128_000),
        ("ft:gpt-4o-2024-08-06:team::abc", 128_000),
    ],
)
def test_the_windows_of_openais_models_are_known(
    catalog: PriceCatalog, model: str, tokens: int
) -> None:
    assert catalog.context_window(model) == tokens


@pytest.mark.parametrize(
    "model",
    [
        "",
        "/",
        "smollm2-135m-instruct",
        "Qwen/Qwen3-32B",
        "llama3.2",
        "my-gpt-4o",
        "gpt-4-x-alpaca",
        "deepseek-r1:8b",
        "gpt-4o:extended",
        "ft:llama:team",
    ],
)
def test_of_an_unknown_model_nothing_is_guessed(catalog: PriceCatalog, model: str) -> None:
    assert catalog.context_window(model) is None
    assert catalog.price(model) is None


def test_a_price_is_what_the_maker_asks(catalog: PriceCatalog) -> None:
    assert catalog.price("gpt-4o") == Price(prompt=2.5, completion=10.0, cached=1.25)
    assert catalog.price("openai/gpt-4o") == catalog.price("gpt-4o")
    assert catalog.price("gpt-4") == Price(prompt=30.0, completion=60.0, cached=None)


def test_of_prices_by_date_the_one_of_today_holds(catalog: PriceCatalog) -> None:
    assert catalog.price("o3") == Price(prompt=2.0, completion=8.0, cached=0.5)


@pytest.mark.parametrize(
    "model", ["gpt-oss-20b", "openai/gpt-oss-20b", "deepseek-ai/deepseek-chat", "gemini-2.5-pro"]
)
def test_no_price_is_told_where_the_makers_says_nothing(catalog: PriceCatalog, model: str) -> None:
    assert catalog.price(model) is None


LOOK_UP = """
import asyncio, sys
from chatrepl.services.models.price_catalog import PriceCatalog
catalog = PriceCatalog()
assert "genai_prices" not in sys.modules
asyncio.run(catalog.prepare())
print(catalog.context_window("gpt-4o"))
"""


@pytest.mark.process
def test_looking_up_needs_no_network_and_nothing_is_loaded_before_it() -> None:
    assert run_alone(LOOK_UP, *no_network()) == ["128000"]
