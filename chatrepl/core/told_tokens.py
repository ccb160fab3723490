"""Say in words what a request counts, and which kind of figure that is."""

from chatrepl.core.context.fitting import Limits, Plan
from chatrepl.core.context.planner import Planner
from chatrepl.core.servers.target import Target

__all__ = ["tell_limits", "tell_room", "tell_tokens"]


def tell_tokens(planner: Planner, target: Target, plan: Plan) -> str:
    """Say how much of its room a request takes: estimated (``≈``), reported, or exact."""
    mark = planner.mark(target, plan)
    # Beside a server's count, messages that came since may be estimated: then the sum is, too.
    kind = "" if mark else " (reported)" if plan.is_reported else " (exact)"
    return f"{mark}{plan.tokens:,} of {tell_room(plan.limits)} tokens{kind}"


def tell_room(limits: Limits) -> str:
    """Write the room that messages have."""
    return f"{'≈' if limits.is_guessed else ''}{max(limits.room, 0):,}"


def tell_limits(limits: Limits) -> str:
    """Say what the room follows from."""
    budget = f"{'≈' if limits.is_guessed else ''}{limits.budget:,}"
    window = f"{'' if limits.window_is_known else '≈'}{limits.window:,}"
    return f"budget {budget} · reserve for the answer {limits.reserve:,} · window {window}"
