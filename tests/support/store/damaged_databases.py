"""Databases of conversations, damaged by chance: the same damage for the same seed."""

import asyncio
import random
import shutil
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from tests.support.store.store_values import at, message, opened, session

PAGE_BYTES = 4096
_SESSIONS, _TURNS = 4, 25

Rows = dict[tuple[str, int], tuple[object, ...]]


def sound_database(path: Path) -> Path:
    """Write a database whose newest messages are in its write-ahead log only."""
    asyncio.run(_write(path.with_name(f"work-{path.name}"), path))
    return path


async def _write(work_path: Path, path: Path) -> None:
    async with opened(work_path) as store:
        for s in range(_SESSIONS):
            await store.create(session(f"s{s}", name=f"name {s}", updated=at(s)))
            turns = [message(f"u{s}", content="the first")]
            for turn in range(_TURNS):
                parent = turns[-1].id
                turns.append(message(f"u{s}.{turn}", parent, content=f"question {turn} " * 20))
                long = "long " * 3000 if turn == 7 else "short " * 50
                turns.append(message(f"a{s}.{turn}", turns[-1].id, content=long))
            await store.add(f"s{s}", turns, turns[-1].id)
            if s == 1:
                with closing(sqlite3.connect(work_path)) as other:
                    other.execute("PRAGMA wal_checkpoint(PASSIVE)")
        for suffix in ("", "-wal"):
            shutil.copy(f"{work_path}{suffix}", f"{path}{suffix}")


def damage(sound: Path, target: Path, seed: int) -> str:
    """Write a damaged copy of a database and its log; return what was done to it.

    Every third copy has no log: there, all is in the file.
    """
    chance = random.Random(seed)
    for suffix in ("", "-wal", "-shm"):
        Path(f"{target}{suffix}").unlink(missing_ok=True)
        with suppress(FileNotFoundError):
            shutil.copy(f"{sound}{suffix}", f"{target}{suffix}")
    if seed % 3 == 0:
        # The last connection merges the log into the file.
        with closing(sqlite3.connect(target)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    path = Path(f"{target}{'-wal' if seed % 6 == 1 else ''}")
    data = bytearray(path.read_bytes())
    what = _change(data, chance)
    path.write_bytes(data)
    return f"seed {seed}: {what} of {path.name}"


def _change(data: bytearray, chance: random.Random) -> str:
    """Damage some bytes in one of eight ways, and return which."""
    places = range(0, max(PAGE_BYTES, len(data) - PAGE_BYTES), PAGE_BYTES)
    start = chance.choice(places)
    page = slice(start, start + PAGE_BYTES)
    kind = chance.choice(("random", "zero", "ones", "swap", "flips", "header", "several", "cut"))
    match kind:
        case "random":
            data[page] = chance.randbytes(PAGE_BYTES)
        case "zero" | "ones":
            data[page] = (b"\0" if kind == "zero" else b"\xff") * PAGE_BYTES
        case "swap":
            other = chance.choice(places)
            data[page] = data[other : other + PAGE_BYTES]
        case "flips":
            for _ in range(chance.randrange(1, 200)):
                data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        case "header":
            # Kind, count and places of a page's cells, or the file's own header.
            data[start : start + 12] = chance.randbytes(12)
        case "several":
            for place in chance.sample(places, min(len(places), 8)):
                data[place : place + PAGE_BYTES] = chance.randbytes(PAGE_BYTES)
        case _:
            del data[chance.randrange(len(data)) :]
    return f"{kind} at {start}"


def readable_rows(path: Path, folder: Path) -> Rows:
    """Return the rows of sessions and messages that SQLite gives, each asked for by its number.

    A copy in the folder is read.
    """
    copy = folder / "asked.db"
    for suffix in ("", "-wal", "-shm"):
        Path(f"{copy}{suffix}").unlink(missing_ok=True)
        with suppress(FileNotFoundError):
            shutil.copy(f"{path}{suffix}", f"{copy}{suffix}")
    rows: Rows = {}
    with closing(sqlite3.connect(copy)) as connection:
        connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
        for table, column in (("sessions", "name"), ("messages", "content")):
            for number in range(1, _SESSIONS * (2 * _TURNS + 1) + 1):
                with suppress(sqlite3.Error, UnicodeDecodeError):
                    row = connection.execute(
                        f"SELECT id, {column} FROM {table} NOT INDEXED WHERE number = ?",
                        (number,),
                    ).fetchone()
                    if row is not None:
                        rows[table, number] = row
    return rows
