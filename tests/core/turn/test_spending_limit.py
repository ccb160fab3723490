"""The spending limit, and the costs that count for it."""

from chatrepl.core.conversation.metadata import dollars
from chatrepl.core.events import Notice, Table
from chatrepl.core.ports.chat_model import Price
from chatrepl.core.session import Session
from chatrepl.core.sessions.library import start_saving
from chatrepl.services.store import SqliteStore
from tests.support.events import errors
from tests.support.fakes import FixedCatalog, World, answer
from tests.support.session_talk import say

LONG = "word " * 100
DAY_S = 86_400


def priced_world(**values: object) -> World:
    """A dollar for a token, two for one of the answer."""
    world = World(catalog=FixedCatalog(8192, Price(1_000_000, 2_000_000)))
    world.values = {"model": "test-model", "reserve": 10, **values}
    return world


async def spent(session: Session, span: str = "today") -> tuple[str, str]:
    """Return how many answers of a span were counted, and what they cost."""
    table = (await say(session, "/cost"))[0]
    assert isinstance(table, Table)
    row = next(row for row in table.rows if row[0] == span)
    return row[2], row[-1]


async def test_a_conversation_that_comes_back_by_import_is_not_paid_for_again() -> None:
    world = priced_world()
    world.model.scripts = [answer("one", prompt_tokens=10), answer("two", prompt_tokens=10)]
    async with world.opened() as session:
        await say(session, "hi")
        assert await spent(session) == ("1", "$16.00")
        await say(session, "/export x.json", "/load x.json")
        assert await spent(session) == ("1", "$16.00")
        world.files.files["both.json"] = f"[{world.files.files['x.json']}]"
        await say(session, "/import both.json")
        assert await spent(session) == ("1", "$16.00")
        assert await spent(session, "this session") == ("1", "$16.00")
        await say(session, "what is said from here on is paid for")
        assert await spent(session) == ("2", "$32.00")


async def test_a_summary_is_paid_for_like_an_answer() -> None:
    world = priced_world()
    async with world.opened() as session:
        world.model.scripts = [answer("ok", prompt_tokens=1), answer("ok", prompt_tokens=1)]
        await say(session, f"one {LONG}", "two")
        world.model.scripts = [answer("short", prompt_tokens=100)]
        await say(session, "/compact")
        assert await spent(session) == ("3", "$120.00")
        assert await spent(session, "this session") == ("3", "$120.00")


async def test_a_summary_that_may_go_over_the_limit_is_asked_for_first() -> None:
    world = priced_world()
    async with world.opened() as session:
        await say(session, f"one {LONG}", "two", "/set spending_limit 100")
        requests = len(world.model.requests)
        events = await say(session, "/compact")
        assert len(world.person.confirmed) == 1
        assert "spending limit of $100.00" in errors(events)[0]
        assert len(world.model.requests) == requests
        world.person.says_yes = True
        world.model.scripts = [answer("short", prompt_tokens=100)]
        await say(session, "/compact")
        assert len(world.model.requests) == requests + 1


async def test_the_oldest_turns_are_left_out_where_the_limit_forbids_a_summary() -> None:
    world = priced_world(budget=300, on_overflow="compact")
    async with world.opened() as session:
        await say(session, f"one {LONG}", f"two {LONG}", "/set spending_limit 100")
        requests = len(world.model.requests)
        events = await say(session, f"three {LONG}")
        told = [event.text for event in events if isinstance(event, Notice)]
        assert any("are left out instead" in text for text in told)
        assert len(world.model.requests) == requests


async def test_a_yes_to_going_over_the_limit_holds_for_its_day_only() -> None:
    world = priced_world(spending_limit=15)
    world.person.says_yes = True
    async with world.opened() as session:
        await say(session, "the first that may go over")
        assert len(world.person.confirmed) == 1
        await say(session, "and more")
        assert len(world.person.confirmed) == 1
        world.clock.ticks += 3 * DAY_S
        await say(session, "/new", "another day")
        assert len(world.person.confirmed) == 2


async def test_the_spending_limit_reads_the_store_that_a_run_begins_to_save_in() -> None:
    world = priced_world(spending_limit=60)
    world.model.scripts = [answer("one", prompt_tokens=10), answer("two", prompt_tokens=10)]
    async with world.opened() as session:
        disk = SqliteStore(None)
        session.disk_store = disk
        try:
            await say(session, "hi")
            await start_saving(session)
            await say(session, "you", "there")
            assert "$32.00 today + " in world.person.confirmed[0]
            assert len(f"{world.person.confirmed[0]} [y/N]") <= 60
        finally:
            await disk.close()


def test_an_amount_too_small_to_write_is_less_than_the_least() -> None:
    assert [dollars(amount) for amount in (0.0, 1e-12, 1e-7, 0.00012, 0.0145, 1234.5)] == [
        *("$0.00", "< $0.0000001", "$0.0000001", "$0.00012", "$0.0145", "$1,234.50")
    ]
