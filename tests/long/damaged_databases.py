"""Run of many damaged databases: each is rescued in bounded time, with all that SQLite gives.

``python -m tests.long.damaged_databases [COUNT] [FIRST_SEED]``: 2,000 from seed 0 if not said.
Each rescue has a process of its own with a limit of time; the seeds that failed are printed.
"""

import argparse
import multiprocessing
import sys
import tempfile
import time
from pathlib import Path

from chatrepl.services.store.damage.salvage import rescue
from tests.support.store.damaged_databases import damage, readable_rows, sound_database
from tests.support.store.store_values import at

LIMIT_S = 60.0


def check(sound: Path, seed: int, folder: Path, results: "multiprocessing.Queue[str]") -> None:
    """Damage, rescue and compare; put what was lost into the queue, or an empty text."""
    path, target = folder / "s.db", folder / "rescued.db"
    what = damage(sound, path, seed)
    readable, before = readable_rows(path, folder), path.read_bytes()
    rescue(path, target, at(0))
    kept = readable_rows(target, folder)
    lost = [key for key, row in readable.items() if kept.get(key) != row]
    if path.read_bytes() != before:
        results.put(f"{what}: the damaged file was changed")
    else:
        results.put(f"{what}: lost {lost}" if lost else "")


def main() -> int:
    """Run all seeds one after the other; return how many failed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("count", type=int, nargs="?", default=2000)
    parser.add_argument("first", type=int, nargs="?", default=0)
    options = parser.parse_args()
    failures, longest_s = 0, 0.0
    context = multiprocessing.get_context("fork")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sound = sound_database(folder / "sound.db")
        for seed in range(options.first, options.first + options.count):
            results: multiprocessing.Queue[str] = context.Queue()
            start_s = time.monotonic()
            process = context.Process(target=check, args=(sound, seed, folder, results))
            process.start()
            process.join(LIMIT_S)
            longest_s = max(longest_s, time.monotonic() - start_s)
            found = f"seed {seed}: no end within {LIMIT_S:g} s" if process.is_alive() else ""
            process.kill()
            found = found or (results.get() if process.exitcode == 0 else f"seed {seed}: raised")
            if found:
                failures += 1
                print(found, flush=True)
    print(f"{options.count} databases, {failures} failed; the longest took {longest_s:.1f} s")
    return failures


if __name__ == "__main__":
    sys.exit(main() > 0)
