import os
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatrepl.core.errors import UsageError
from chatrepl.core.text.toml import key_lines
from chatrepl.services.files.configuration import read_configuration


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "config.toml"


def test_values_and_profiles_come_apart_with_the_line_of_each_key(config: Path) -> None:
    config.write_text(
        'model = "gpt-4.1-mini"\n'
        "# a comment\n"
        "budget = 16000\n"
        "[extra]\n"
        "top_k = 5\n"
        "[profiles.cluster]\n"
        'base_url = "http://vllm.example:8000/v1"\n'
        "temperature = 0.3\n"
    )
    found = read_configuration(config)
    assert found.values == {"model": "gpt-4.1-mini", "budget": 16000, "extra": {"top_k": 5}}
    assert found.profiles == {
        "cluster": {"base_url": "http://vllm.example:8000/v1", "temperature": 0.3}
    }
    assert [found.line_of(None, key) for key in ("model", "budget", "extra")] == [1, 3, 4]
    assert found.line_of("cluster", "temperature") == 8
    assert found.line_of(None, "temperature") is None
    assert found.line_of("other", "temperature") is None
    assert found.warnings == []


@pytest.mark.parametrize(
    ("text", "profile", "key", "line"),
    [
        ('system = """\n[profiles.a]\nmodel = 1\n"""\nmodel = "x"', None, "model", 5),
        ("system = '''\nmodel = 1\n'''\nmodel = 'x'", None, "model", 4),
        ('system = """a"""""\nmodel = "x"', None, "model", 2),
        ('stop = [\n  "]", # model = 1 ]\n  "\\"[",\n]\nmodel = "x"', None, "model", 5),
        ('\n[profiles."my.server"]\n\nmodel = "x"', "my.server", "model", 4),
        ('[profiles]\n"a b".model = "x"', "a b", "model", 2),
        ('[profiles]\n\na = { seed = 1, "model" = "x" }', "a", "model", 3),
        ('profiles.a.seed = 1\nprofiles.a.model = "x"', "a", "model", 2),
        ('[profiles.a.extra]\nk = 1\n[profiles.a]\nmodel = "x"', "a", "model", 4),
        ('seed = 1\r\nmodel = "x"\r\n', None, "model", 2),
        ("[profiles.a]\n model\t=\t'x'", "a", "model", 2),
    ],
)
def test_the_line_is_right_however_the_key_is_written(
    config: Path, text: str, profile: str | None, key: str, line: int
) -> None:
    config.write_bytes(text.encode())
    found = read_configuration(config)
    table = found.values if profile is None else found.profiles[profile]
    assert table[key] == "x"
    assert found.line_of(profile, key) == line


NAMES = st.one_of(
    st.from_regex(r"[A-Za-z0-9_-]{1,8}", fullmatch=True),
    st.text("ab .[]#='\"{}\\é", max_size=6).map(
        lambda name: '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
    ),
    st.text('ab .[]#="{}\\', max_size=6).map(lambda name: f"'{name}'"),
)
VALUES = st.sampled_from(
    [
        "1",
        "1.5e3",
        "true",
        "1979-05-27T07:32:00Z",
        '"text # [x]\\" = {"',
        "'a = \"b'",
        '"""\n[table]\nkey = "1"\n"""',
        "'''\n[[table]]\n''key'' = 1'''",
        "[\n 1, # ]\n [2, 3],\n]",
        '{ a = 1, "b.c" = [ "}" ] }',
        '""',
        "''",
        '""""""',
        '"""a\\"""\\\n"""',
    ]
)
COMMENTS = st.sampled_from(["", "  # model = 1", "\n# [x]\n", "\r", "\n\n"])


@given(
    st.lists(
        st.tuples(
            NAMES,
            st.lists(st.tuples(NAMES, VALUES, COMMENTS), max_size=6),
        ),
        max_size=4,
    )
)
def test_every_key_of_any_file_is_found_on_the_line_it_was_written_on(
    tables: list[tuple[str, list[tuple[str, str, str]]]],
) -> None:
    text = ""
    expected: dict[tuple[str, ...], int] = {}
    for name, pairs in tables:
        attempt = f"{text}[top.{name}]\n"
        if not is_valid(attempt):
            continue
        text = attempt
        expected["top", plain(name)] = text.count("\n")
        for key, value, comment in pairs:
            attempt = f"{text}{key} = {value}{comment}\n"
            if is_valid(attempt):
                expected["top", plain(name), plain(key)] = text.count("\n") + 1
                text = attempt
    found = key_lines(text)
    assert {key: line for key, line in found.items() if key in expected} == expected
    assert known_keys(tomllib.loads(text)) == set(found)


def is_valid(text: str) -> bool:
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return False
    return True


def plain(name: str) -> str:
    return next(iter(tomllib.loads(f"{name} = 1")))


def known_keys(table: dict[str, object], before: tuple[str, ...] = ()) -> set[tuple[str, ...]]:
    keys: set[tuple[str, ...]] = set()
    for key, value in table.items():
        keys.add((*before, key))
        if isinstance(value, dict):
            keys |= known_keys(value, (*before, key))
    return keys


def test_a_missing_file_is_empty_unless_the_user_named_it(config: Path) -> None:
    assert read_configuration(config).values == {}
    assert read_configuration(config / "under" / "nothing").profiles == {}
    with pytest.raises(UsageError, match=r"there is no configuration file .*config\.toml"):
        read_configuration(config, must_exist=True)


def test_a_file_where_a_folder_should_be_is_a_missing_configuration(config: Path) -> None:
    config.write_text("a = 1")
    assert read_configuration(config / "config.toml").values == {}


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"model = \n", "line 1, column 9"),
        (b"a = 1\nmodel gpt\n", "line 2, column 7"),
        (b"a = 1\n\nmodel = [1,\n  2", "line 4, column 4"),
        (b"a = 1\na = 2\n", "line 2"),
        (b'a = 1\nb = "\xff"\n', "line 2, column 6: not UTF-8"),
        ("ä = 1\n".encode("latin-1"), "line 1, column 1: not UTF-8"),
        ("a = 1".encode("utf-16"), "line 1, column 1: this is UTF-16"),
        (b"\xef\xbb\xbfa = 1", "line 1, column 1: a byte order mark"),
        (b"\n\nprofiles = 1", "line 3: profiles is not a table"),
        (b"[profiles]\na = 1", r"line 2: profiles\.a is not a table"),
        (b"a = " + b"[" * 50_000, "nested too deeply|line 1"),
        (b"a = " + b"{a=" * 5_000 + b"1" + b"}" * 5_000, "nested too deeply|line 1"),
        (b"a = 1\n" * 200_000, "larger than 1 MB"),
    ],
)
def test_what_is_wrong_in_the_file_is_told_with_its_place(
    config: Path, data: bytes, says: str
) -> None:
    config.write_bytes(data)
    with pytest.raises(UsageError, match=says) as caught:
        read_configuration(config)
    assert str(config) in caught.value.message
    assert "\n" not in str(caught.value)


def test_a_folder_in_the_place_of_the_file_is_an_error_that_names_it(config: Path) -> None:
    config.mkdir()
    with pytest.raises(UsageError, match=r"cannot read the configuration .*: that is a folder"):
        read_configuration(config)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_an_error_that_says_so(config: Path) -> None:
    config.write_text("a = 1")
    config.chmod(0)
    with pytest.raises(UsageError, match="permission denied"):
        read_configuration(config)


def test_a_file_without_an_end_is_not_read_for_ever() -> None:
    with pytest.raises(UsageError, match="larger than 1 MB"):
        read_configuration(Path("/dev/zero"))


def test_times_become_text(config: Path) -> None:
    config.write_text("day = 2024-05-06\n")
    assert read_configuration(config).values == {"day": "2024-05-06"}


@pytest.mark.parametrize(
    ("line", "is_told"),
    [
        ('extra.token = "sk-proj-abcdefghijklm0123456789"', True),
        ('headers = { Authorization = "Bearer abcdefgh12345678" }', True),
        ('stop = ["AIzaSyA1234567890abcdefghijklmnopqrstuv"]', True),
        ('api_key_env = "CLUSTER_KEY"', False),
        ('api_key_cmd = "pass show cluster"', False),
        ('system = "You are a sk-eptical, skillful and well-informed pk-reader."', False),
        ('model = "hf-internal-testing/tiny-random-model"', False),
    ],
)
def test_a_key_in_clear_is_warned_of_with_its_line_and_is_not_repeated(
    config: Path, line: str, is_told: bool
) -> None:
    config.write_text(f"seed = 1\n[profiles.a]\n{line}\n")
    warnings = read_configuration(config).warnings
    assert len(warnings) == is_told
    for warning in warnings:
        assert f"{config}, line 3: " in warning
        assert "api_key_env" in warning
        assert not any(part in warning for part in ("abcdefgh", "AIza"))


def test_a_number_of_thousands_of_digits_is_told(config: Path) -> None:
    config.write_text(f"seed = {'9' * 5000}\n", "utf-8")
    with pytest.raises(UsageError, match="digits"):
        read_configuration(config)
