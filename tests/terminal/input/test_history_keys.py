from pathlib import Path

from chatrepl.terminal.input.history import InputHistory


def test_a_key_that_was_typed_in_clear_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "history"
    history = InputHistory(path)
    for line in ("/key sk-canary-0123456789", " /key  sk-canary-0123456789", "/key", "/keyword x"):
        history.append_string(line)
    assert path.read_text("utf-8").split() == ['"/key"', '"/keyword', 'x"']
