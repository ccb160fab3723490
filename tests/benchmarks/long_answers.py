"""Long answers of several kinds, each of a size that is asked for."""

from collections.abc import Callable, Iterator, Mapping
from itertools import count

__all__ = ["KINDS", "long_answer"]

_MIXED = """\
## Section {n}: what is **measured** here

The quick brown fox jumps over the `lazy` dog, *again* and **again**, until the [source]({url}) says
otherwise; number {n} of many paragraphs as long as paragraphs are, with words and more words.

- an item with `code` in it
- another one, **bold**
  1. nested, first
  2. nested, second

```python
def function_{n}(argument: int) -> str:
    \"\"\"Return the number as text.\"\"\"
    return f"{{argument}} is not {n}"
```

| name | value | meaning |
|---|---:|---|
| alpha | {n} | the first of the letters |
| beta | 2 | 中文 and `code` |

> A quotation of some length, which goes on for a while and then ends.

"""
_CODE = '''\
class Account{n}:
    """Keep a balance, and tell what became of it."""

    def __init__(self, owner: str, balance: float = {n}.5) -> None:
        self.owner = owner  # whose it is
        self._changes: list[tuple[str, float]] = [("opened", balance)]

    def pay(self, amount: float) -> bool:
        if amount > self.balance or not 0 < amount < 10_000:
            raise ValueError(f"{{self.owner}} cannot pay {{amount:,.2f}}")
        self._changes.append(("paid", -amount))
        return sum(change for _, change in self._changes) >= {n}

'''
_SENTENCE = (
    "The quick brown fox jumps over the `lazy` dog, *again* and **again**, until sentence {n} says"
    " otherwise and points to [its source]({url}) in words and more words. "
)
_ITEM = "- Item {n} has **one** line of text with `code` in it, a little longer\n\n"
_CHINESE = (
    "第{n}段说明了流式输出的要求：每一行写出之后就不再改变，**重要**的内容要醒目，而`代码`保持原样。"  # noqa: RUF001
    "终端里的汉字占两格宽，换行时不能把它们拆开；标点符号也不应该出现在行首。\n\n"  # noqa: RUF001
)


def _repeated(sample: str) -> Iterator[str]:
    return (sample.format(n=n, url=f"https://example.org/{n}") for n in count(1))


def _code() -> Iterator[str]:
    yield "```python\n"
    yield from _repeated(_CODE)


KINDS: Mapping[str, Callable[[], Iterator[str]]] = {
    "mixed": lambda: _repeated(_MIXED),
    "code": _code,
    "paragraph": lambda: _repeated(_SENTENCE),
    "list": lambda: _repeated(_ITEM),
    "chinese": lambda: _repeated(_CHINESE),
}


def long_answer(kind: str, kilobytes: float, last_word: str) -> str:
    """Return an answer of that kind and size (1,000 bytes of UTF-8 each), with a word at its end.

    ``mixed`` has every kind of block; ``code`` is one block of Python; ``paragraph`` is one, on one
    line; ``list`` is one list with blank lines between its items.
    """
    parts: list[str] = []
    size = 0
    for part in KINDS[kind]():
        parts.append(part)
        size += len(part.encode())
        if size >= kilobytes * 1000:
            break
    return "".join(parts) + last_word
