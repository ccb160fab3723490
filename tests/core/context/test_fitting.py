"""Fitting a conversation into a budget: completeness, order, least loss."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatrepl.core.context.context_report import rows_of
from chatrepl.core.context.counting import Counts
from chatrepl.core.context.fitting import BLOCK_TURNS, Anchor, Contents, Measure, Plan, fit
from chatrepl.core.context.limits import Limits
from chatrepl.core.context.planner import Planner
from chatrepl.core.conversation.tree import Conversation, Turns
from chatrepl.core.messages import Marks, Message
from chatrepl.core.servers.model_directory import ModelDirectory
from chatrepl.core.servers.target import Target
from chatrepl.core.settings.layers import Layer, Settings
from chatrepl.services.models.tokenizer import TiktokenCounter
from tests.support.fakes import SERVER, FixedCatalog, World
from tests.support.session_talk import collect

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PRIMING = 3


@dataclass(frozen=True)
class Case:
    """A conversation with costs, marks and limits."""

    conversation: Conversation
    costs: Mapping[str, int]
    system: int
    limits: Limits
    ratio: float
    pinned: frozenset[int]
    dropped: frozenset[int]

    @property
    def turns(self) -> Turns:
        return self.conversation.view()

    @property
    def contents(self) -> Contents:
        system = Message("", None, "system", "s", NOW) if self.system else None
        return Contents(system, self.turns, self.pinned, self.dropped)

    @property
    def measure(self) -> Measure:
        def count(turns: Turns, first: int, after: int) -> int:
            return sum(self.costs[message.id] for message in turns.messages(first, after))

        return Measure(
            lambda message: self.costs[message.id], count, self.system, PRIMING, self.ratio
        )

    def tokens(self, indexes: set[int]) -> int:
        plain = sum(
            self.costs[message.id] for index in indexes for message in self.turns[index].messages
        )
        return round((plain + self.system + PRIMING) * self.ratio)


def conversation_of(roles: list[str]) -> Conversation:
    messages: list[Message] = []
    for number, role in enumerate(roles):
        parent = messages[-1].id if messages else None
        messages.append(Message(f"m{number}", parent, role, f"text {number}", NOW))
    return Conversation(messages, messages[-1].id if messages else None)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    size = draw(st.sampled_from([0, 1, 2, 5, 30, 200, 300]))
    random = draw(st.randoms(use_true_random=False))
    roles = [random.choice(["user", "user", "assistant", "system"]) for _ in range(size)]
    conversation = conversation_of(roles)
    turns = len(conversation.view())
    indexes = st.frozensets(st.integers(0, max(0, turns - 1)), max_size=min(turns, 4))
    case = Case(
        conversation,
        {f"m{number}": random.randint(1, 60) for number in range(size)},
        draw(st.sampled_from([0, 10, 200])),
        Limits(8192, window_is_known=True, budget=8192, reserve=0),
        draw(st.sampled_from([1.0, 0.7, 1.37])),
        draw(indexes),
        draw(indexes),
    )
    # Room for exactly some of the newest turns, or for one token less or more.
    start = draw(st.integers(0, turns) | st.sampled_from([0, BLOCK_TURNS, 2 * BLOCK_TURNS]))
    kept = frozenset(range(start, turns))
    room = case.tokens({*kept, *case.contents.fixed} - case.dropped) + draw(st.integers(-1, 1))
    reserve = draw(st.integers(0, 600))
    return replace(
        case,
        limits=Limits(room + reserve + draw(st.integers(0, 99)), True, room + reserve, reserve),
    )


def indexes_of(case: Case, plan: Plan) -> set[int]:
    found = [case.turns.index_of(message.id) for message in plan.sent if message.id]
    return {index for index in found if index is not None}


@settings(deadline=None, max_examples=150)
@given(cases())
def test_fitting_keeps_pinned_and_newest_turns_and_drops_no_more_than_needed(case: Case) -> None:
    plan = fit(case.contents, case.measure, case.limits)
    turns = case.turns
    sent = indexes_of(case, plan)
    newest = {len(turns) - 1} if len(turns) else set()
    must = (case.pinned | newest) - case.dropped
    # Whole turns, in order, the system text first.
    whole = [message for index in sorted(sent) for message in turns[index].messages]
    assert [m for m in plan.sent if m.id] == whole
    assert [m.role for m in plan.sent if not m.id] == (["system"] if case.system else [])
    assert must <= sent
    assert not sent & case.dropped
    # It fits, or nothing more could go out.
    assert plan.tokens == case.tokens(sent)
    assert plan.fits or sent == must
    # Oldest first, and the newest of those that went out would not fit.
    optional = set(range(len(turns))) - must - case.dropped
    out = optional - sent
    assert plan.omitted_turns == len(out)
    assert not out or max(out) < min((optional & sent) | {len(turns)})
    if out and plan.fits:
        assert case.tokens(sent | {max(out)}) > case.limits.room


@settings(deadline=None, max_examples=60)
@given(cases(), st.integers(0, 20_000), st.integers(0, 3), st.booleans())
def test_a_server_s_count_holds_only_for_exactly_what_it_counted(
    case: Case, counted: int, new: int, is_other: bool
) -> None:
    before = fit(case.contents, case.measure, case.limits)
    ids = tuple(message.id for message in before.sent if message.id)
    known = ids[: max(0, len(ids) - new)]
    if known and is_other:
        known = (*known[:-1], "another")
    plan = fit(case.contents, case.measure, case.limits, Anchor(known, counted))
    sent = [message.id for message in plan.sent if message.id]
    if plan.is_reported:
        assert tuple(sent[: len(known)]) == known
        rest = sum(case.costs[id_] for id_ in sent[len(known) :])
        assert plan.tokens == counted + case.measure.scaled(rest)
        assert plan.new_messages == len(sent) - len(known)
    else:
        assert plan.tokens == case.tokens(indexes_of(case, plan))
    must = case.contents.fixed
    assert plan.fits or indexes_of(case, plan) <= must | {plan.oldest}
    out = set(range(len(case.turns))) - case.contents.left_out - indexes_of(case, plan)
    assert plan.omitted_turns == len(out)


@settings(deadline=None, max_examples=60)
@given(cases())
def test_the_rows_of_a_context_add_up_to_what_is_sent(case: Case) -> None:
    plan = fit(case.contents, case.measure, case.limits)
    rows = list(rows_of(plan, case.measure))
    assert [row.message.id for row in rows if row.place.is_in] == [m.id for m in plan.sent]
    assert [row.number for row in rows if row.message.id] == list(
        range(1, len(case.conversation.path) + 1)
    )
    priming = case.measure.scaled(PRIMING)
    assert sum(row.tokens for row in rows if row.place.is_in) + priming == plan.tokens


texts = st.text(st.sampled_from("ab é你\n.🙂 <|endoftext|>"), max_size=40)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.tuples(texts, texts), min_size=1, max_size=12),
    st.none() | texts,
    st.sampled_from(["system", "developer", "user"]),
    st.none() | st.sampled_from(["be kind", "\n\nreally"]),
    st.integers(300, 700),
    st.frozensets(st.integers(0, 23), max_size=3),
)
def test_a_plan_counts_what_its_request_holds_by_the_cookbook_s_formula(
    spoken: list[tuple[str, str]],
    system: str | None,
    form: str,
    reminder: str | None,
    budget: int,
    pinned: frozenset[int],
) -> None:
    counter = TiktokenCounter()
    world = World(catalog=FixedCatalog(4096))
    planner = Planner(counter, world.catalog, world.memory, ModelDirectory(world.memory))
    messages: list[Message] = []
    for said, answered in spoken:
        for role, text in (("user", said), ("assistant", answered)):
            parent = messages[-1].id if messages else None
            messages.append(Message(f"m{len(messages)}", parent, role, text, NOW))
    conversation = Conversation(messages, messages[-1].id)
    conversation.marks = Marks(frozenset(f"m{number}" for number in pinned))
    values = Settings().with_layer(Layer.FILE, {"budget": budget, "reserve": 100}, "test")
    # A blank system text is none: ``target_of`` leaves it out.
    first = Message("", None, form, system, NOW) if system and system.strip() else None
    target = Target(SERVER, "gpt-4o", first, reminder or "")
    plan = planner.plan(values, target, conversation)
    body = planner.request(values, target, plan).body
    assert plan.tokens == cookbook(counter, body["messages"])
    rows = [row for row in rows_of(plan, planner.measure(target)) if row.place.is_in]
    assert sum(row.tokens for row in rows) + PRIMING == plan.tokens
    for larger in range(budget, budget + 100):
        more = planner.plan(
            Settings().with_layer(Layer.FILE, {"budget": larger, "reserve": 100}, "test"),
            target,
            conversation,
        )
        if more.omitted_turns < plan.omitted_turns:
            # A turn more is sent as soon as it fits, and no sooner.
            assert more.tokens == larger - 100 > plan.limits.room
            break


def cookbook(counter: TiktokenCounter, messages: object) -> int:
    assert isinstance(messages, list)
    tokens = 3
    for message in messages:
        tokens += 3 + sum(counter.count(value, "o200k_base") for value in message.values())
    return tokens


@settings(deadline=None, max_examples=60)
@given(cases(), st.integers(0, 300), st.integers(0, 300))
def test_counts_of_many_turns_at_once_are_the_sums_of_their_messages(
    case: Case, one: int, other: int
) -> None:
    counts = Counts(TiktokenCounter())
    first, after = sorted(min(edge, len(case.turns)) for edge in (one, other))
    for _ in ("counted", "remembered"):
        assert counts.turns(case.turns, first, after, "gpt-4o") == sum(
            counts.message(message, "gpt-4o") for message in case.turns.messages(first, after)
        )


@settings(deadline=None, max_examples=60)
@given(st.lists(st.sampled_from(["new", "up", "back", "state"]), max_size=60))
def test_a_path_is_the_same_however_the_head_came_there(steps: list[str]) -> None:
    conversation = Conversation()
    for number, step in enumerate(steps):
        path = conversation.path
        if step == "new":
            role = "user" if number % 3 else "assistant"
            conversation.add(Message(f"m{number}", conversation.head, role, str(number), NOW))
        elif step == "up" and path:
            conversation.head = path[-1].parent
        elif step == "back":
            heads = [message.id for message in conversation.all()]
            conversation.head = heads[number % len(heads)] if heads else None
        elif path:
            conversation.set_state(path[0].id, path[0].state)
    anew = Conversation(conversation.all(), conversation.head)
    assert list(conversation.path) == list(anew.path)
    assert conversation.turns() == anew.turns()
    for position, message in enumerate(conversation.path, 1):
        turn = conversation.turn_of(position)
        assert turn is not None and message in turn.messages


async def test_a_turn_in_a_long_session_counts_only_its_own_new_text() -> None:
    world = World(catalog=FixedCatalog(2_000_000))
    conversation = conversation_of(["user", "assistant"] * 10_000)
    async with world.opened() as session:
        session.conversation = conversation
        session.planner.counts.remember(
            {(message.id, "words"): 2 for message in conversation.all()}
        )
        await collect(session.ask("a new question"))
    assert len(world.model.requests[0].body["messages"]) == 20_001  # type: ignore[arg-type]
    asked = [text for text in world.counter.asked if text not in ("user", "assistant")]
    assert asked == ["a new question"]


async def test_only_turns_that_may_fit_are_counted() -> None:
    world = World(catalog=FixedCatalog(400))
    async with world.opened() as session:
        session.conversation = conversation_of(["user", "assistant"] * 2_500)
        _, plan = await session.plan()
    assert 0 < len(plan.sent) < 100
    assert len(world.counter.asked) < 250


@pytest.mark.parametrize(
    ("window", "budget", "reserve", "max_tokens", "room"),
    [
        (8192, None, None, None, 8192 - 2048),
        (128_000, None, None, None, 128_000 - 4096),
        (8192, 4000, 500, None, 3500),
        (8192, None, None, 1000, 7192),
        (8192, None, 100, 3000, 5192),
        (8192, 20_000, 100, None, 8092),
        (None, None, None, None, 6144),
        (8192, 1000, None, None, 750),
        (1000, None, None, 2000, -1000),
    ],
)
def test_the_room_for_messages_is_budget_and_window_less_the_reserve(
    window: int | None,
    budget: int | None,
    reserve: int | None,
    max_tokens: int | None,
    room: int,
) -> None:
    limits = Limits.of(window=window, budget=budget, reserve=reserve, max_tokens=max_tokens)
    assert limits.room == room
