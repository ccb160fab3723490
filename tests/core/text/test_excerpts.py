"""Code blocks of an answer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatrepl.core.text.excerpts import code_blocks

CODE = "def f():\n    if x:\n\n        return 1"


def within(lead: str, rest: str) -> str:
    first, *lines = f"```py\n{CODE}\n```".split("\n")
    return "\n".join([f"intro\n\n{lead}{first}", *[f"{rest}{line}" for line in lines], "after"])


@pytest.mark.parametrize(
    ("lead", "rest"),
    [
        *(("", ""), ("  ", "  "), ("- ", "  "), ("1. ", "   "), ("12) ", "    ")),
        *(("> ", "> "), ("> - ", ">   "), ("- > ", "  > "), ("    - ", "      ")),
        ("> > ", "> > "),
    ],
)
def test_code_is_as_it_would_be_typed_wherever_it_stands(lead: str, rest: str) -> None:
    assert code_blocks(within(lead, rest)) == [CODE]


@pytest.mark.parametrize(
    ("text", "blocks"),
    [
        ("no code", []),
        ("``` not `code`", []),
        ("````\n```\nx\n```\n````\n~~~\ny\n~~~", ["```\nx\n```", "y"]),
        ("```\nnever closed\n", ["never closed"]),
        ("```\n```", [""]),
        ("- ```\n  a\nlazy\n  ```", ["a\nlazy"]),
        ("```\n    ```\nx\n   ```\n", ["    ```\nx"]),
    ],
)
def test_fences_open_and_close_as_markdown_has_it(text: str, blocks: list[str]) -> None:
    assert code_blocks(text) == blocks


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n`"))))
def test_any_code_comes_out_as_it_went_in(lines: list[str]) -> None:
    code = "\n".join(lines)
    assert code_blocks(f"text\n```\n{code}\n```\ntext") == [code]
