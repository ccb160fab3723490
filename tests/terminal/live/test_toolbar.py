"""The toolbar's token figure: estimated, reported or exact."""

import re
from dataclasses import replace

from hypothesis import example, given, settings
from hypothesis import strategies as st

from chatrepl.core.conversation.attachments import Attachment
from chatrepl.core.conversation.tree import Conversation
from chatrepl.core.errors import Fault, ModelError
from chatrepl.core.ports.chat_model import Server
from chatrepl.terminal.live.toolbar import Toolbar
from tests.support.fakes import LOCAL_SERVER, FixedCatalog, WordCounter, World, answer
from tests.support.session_talk import say
from tests.support.values.counting_text import CountingText, counting_path

IMAGE: Attachment = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
FIGURE = re.compile(r"(≈?)([\d,]+) of ≈?[\d,]+ tokens(?: \((\w+)\))?$")


async def figure_of(toolbar: Toolbar) -> tuple[str, int, str]:
    await toolbar.refresh()
    found = FIGURE.search(toolbar.text(200))
    assert found is not None, toolbar.text(200)
    return found[1], int(found[2].replace(",", "")), found[3] or ""


kinds = st.sampled_from(["say", "say", "unreported", "picture", "/drop 1", "/undo", "/system x y"])


@settings(deadline=None, max_examples=150)
@given(st.booleans(), st.lists(kinds, max_size=7), st.booleans())
@example(is_known=False, steps=["picture", "say", "/drop 1", "/undo"], counts_itself=False)
async def test_a_figure_is_called_reported_or_exact_only_where_none_of_it_is_estimated(
    is_known: bool, steps: list[str], counts_itself: bool
) -> None:
    # A server that counts says 1,000 and one more each time, which no local count gives.
    server = LOCAL_SERVER if counts_itself else Server("http://127.0.0.1:1/v1", origin="test")
    world = World(counter=WordCounter(known=is_known), server=server)
    world.model.counts = list(range(1000, 1100)) if counts_itself else []

    async with world.opened() as session:
        toolbar = Toolbar(session)
        for number, step in enumerate(steps):
            prompt = 500 + number if step == "say" else None
            if step in ("say", "unreported", "picture"):
                world.model.scripts = [answer("well said", prompt_tokens=prompt)]
                session.pending = (IMAGE,) if step == "picture" else ()
                await say(session, f"word {number}")
            else:
                await say(session, step)
        mark, tokens, kind = await figure_of(toolbar)
        target, plan = await session.plan()
        plan = await session.preflight.confirmed(target, plan)
        assert tokens == plan.tokens >= 0
        counted = [*plan.sent]
        if plan.is_reported:
            counted = counted[len(counted) - plan.new_messages :]
        has_picture = any(message.attachments for message in counted)
        is_sure = is_known and not session.planner.calibration(target).is_contradicted
        is_guessed = has_picture or (not is_sure and (bool(counted) or not plan.is_reported))
        assert (mark == "≈") == is_guessed
        assert (kind == "") == is_guessed
        if kind == "reported":
            assert plan.is_reported
            assert tokens >= 500
        if kind == "exact":
            assert is_known
            assert not plan.is_reported
            # By hand: three for each message, its role, its words; and three for the reply.
            words = sum(len(message.content.split()) for message in plan.sent)
            assert tokens == words + 4 * len(plan.sent) + 3


def refused(prompt_tokens: int) -> ModelError:
    return ModelError(
        "too long",
        fault=Fault.CONTEXT_LENGTH,
        details={"window": 5000, "prompt_tokens": prompt_tokens},
    )


async def figure_after_refusal(prompt_tokens: int) -> tuple[str, int, str]:
    world = World(catalog=FixedCatalog(100_000))
    world.model.scripts = [[refused(prompt_tokens)], answer("fine")]
    async with world.opened() as session:
        await say(session, "word " * 600)
        return await figure_of(Toolbar(session))


async def test_a_known_vocabulary_that_a_server_contradicts_is_exact_no_more() -> None:
    # 600 words, 3 and the role for each of two messages, the answer, 3 for the reply.
    assert await figure_after_refusal(607) == ("", 612, "exact")
    mark, tokens, kind = await figure_after_refusal(1214)
    assert (mark, kind) == ("≈", "")
    assert 1200 < tokens < 1260


async def test_an_answer_that_came_after_the_report_makes_the_sum_an_estimate() -> None:
    world = World(counter=WordCounter(known=False))
    world.model.scripts = [answer("one two", prompt_tokens=40)]
    async with world.opened() as session:
        await say(session, "hi")
        with_answer = await figure_of(Toolbar(session))
        # The answer is no longer part of it: all that is left was reported.
        session.conversation.head = session.conversation.path[0].id
        without_answer = await figure_of(Toolbar(session))
    assert with_answer[0] == "≈" and with_answer[2] == ""
    assert without_answer == ("", 40, "reported")


async def figure_after_report(prompt_tokens: int) -> tuple[str, int, str]:
    world = World()
    world.model.scripts = [answer("one two", prompt_tokens=prompt_tokens)]
    async with world.opened() as session:
        await say(session, "hi")
        # What was counted there was another prompt.
        await say(session, "/system be kind")
        return await figure_of(Toolbar(session))


async def test_a_report_other_than_our_count_of_the_same_text_ends_exactness() -> None:
    # One word and the role, 3 for the message, 3 for the reply.
    assert await figure_after_report(8) == ("", 20, "exact")
    assert await figure_after_report(9) == ("≈", 20, "")


async def test_a_refresh_counts_and_writes_ahead_for_the_next_request() -> None:
    world = World(catalog=FixedCatalog(window=100_000))
    path = counting_path(1000)
    linked = [replace(one, parent=path[at - 1].id if at else None) for at, one in enumerate(path)]
    async with world.opened() as session:
        session.conversation = Conversation(linked, linked[-1].id)
        await Toolbar(session).refresh()
        counted, written = len(world.counter.asked), CountingText.writes
        assert counted >= 1000 and written >= 1000
        await say(session, "one more")
        assert len(world.model.requests[-1].body["messages"]) == 1001  # type: ignore[arg-type]
        assert set(world.counter.asked[counted:]) <= {"one more", "an answer", "user", "assistant"}
        assert CountingText.writes - written <= 2
