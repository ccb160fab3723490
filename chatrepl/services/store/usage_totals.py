"""What answers used and cost, added up over all sessions."""

import sqlite3
from collections.abc import Sequence
from datetime import datetime

from chatrepl.core.usage import COST_FIELD, IMPORTED_FIELD, UsageTotal
from chatrepl.services.store.codec import decode_text, encode_time

__all__ = ["usage_since"]

# Details that hold lone surrogates are bytes, which SQLite would not read as JSON.
_TOTALS = f"""
    WITH used AS (
        SELECT model, json_extract(details, '$.usage') AS usage,
               json_extract(details, '$.extra.{COST_FIELD}') AS cost,
               json_extract(details, '$.extra.{IMPORTED_FIELD}') AS imported
        FROM (
            SELECT model, CAST(details AS TEXT) AS details FROM messages
            WHERE created >= ? AND model IS NOT NULL AND details IS NOT NULL
        )
        WHERE json_valid(details)
    )
    SELECT model, COUNT(*),
           SUM(COALESCE(json_extract(usage, '$[0]'), 0)),
           SUM(COALESCE(json_extract(usage, '$[1]'), 0)),
           SUM(COALESCE(json_extract(usage, '$[2]'), 0)),
           SUM(COALESCE(json_extract(usage, '$[3]'), 0)),
           SUM(COALESCE(cost, 0.0)),
           SUM(cost IS NULL)
    FROM used WHERE usage IS NOT NULL AND imported IS NULL
    GROUP BY model ORDER BY 7 DESC, 3 DESC"""  # noqa: S608


def usage_since(connection: sqlite3.Connection, since: datetime) -> Sequence[UsageTotal]:
    """Add up what was used from a moment on, by model, the dearest first; imports are left out."""
    rows = connection.execute(_TOTALS, (encode_time(since),)).fetchall()
    return [UsageTotal(decode_text(model), *totals) for model, *totals in rows]
