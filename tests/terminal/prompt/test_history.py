from pathlib import Path

from chatrepl.terminal.prompt.history import BigPastes, InputHistory


def test_a_key_that_was_typed_in_clear_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "history"
    history = InputHistory(path, BigPastes())
    for line in ("/key sk-canary-0123456789", " /key  sk-canary-0123456789", "/key", "/keyword x"):
        history.append_string(line)
    assert path.read_text("utf-8").split() == ['"/key"', '"/keyword', 'x"']


def test_a_large_paste_is_there_again_in_the_next_run(tmp_path: Path) -> None:
    path = tmp_path / "history"
    text = "a word of many\n" * 10_000
    pastes = BigPastes()
    InputHistory(path, pastes).append_string("look: " + pastes.shorten(text))
    later = BigPastes()
    (entry,) = InputHistory(path, later).load_history_strings()
    assert len(entry) < 100
    assert later.expand(entry) == "look: " + text
