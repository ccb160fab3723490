import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatrepl.terminal.draw.markdown.math import latex_to_unicode
from tests.support.markdown_documents import examples

PARTS = [
    *("x", "12", " ", "+", "=", "^", "_", "{", "}", "\\frac", "\\sqrt", "[3]", "\\alpha", "\\text"),
    *("\\left(", "\\right.", "&", "\\\\", "\\begin{x}", "\\", "'", "\\mathbb", "\\hat", "%"),
    "\x1b",
]


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        (r"E = mc^2", "E = mc²"),
        (r"\frac{a}{b}", "a/b"),
        (r"\frac{-b \pm \sqrt{b^2-4ac}}{2a}", "(-b ± √(b²-4ac))/(2a)"),
        (r"\sum_{i=1}^{n} i = \frac{n(n+1)}{2}", "∑ᵢ₌₁ⁿ i = n(n+1)/2"),
        (r"\alpha_i \le \beta", "αᵢ ≤ β"),
        (r"O(n \log n)", "O(n log n)"),
        (r"\log_2 n + \sin^2x", "log₂ n + sin² x"),
        (r"\mathbb{R}^n \to \mathbb{C}", "ℝⁿ → \u2102"),
        (r"\text{if } x > 0", "if x > 0"),
        (r"10^{-3}", "10⁻³"),
        (r"90^\circ", "90°"),
        (r"\left( \frac{1}{2} \right)", "( 1/2 )"),
        (r"x^{a/b}", "x^(a/b)"),
        (r"f'(x)", "f′(x)"),  # noqa: RUF001
    ],
)
def test_formulas_are_written_in_unicode(source: str, shown: str) -> None:
    assert latex_to_unicode(source) == shown


@pytest.mark.parametrize(
    "source",
    [
        *(r"\unknown{x}", r"\begin{pmatrix} a & b \end{pmatrix}", r"\binom{n}{k}", r"\frac{1}"),
        "{",
        *("x^", "x}", r"a \\ b", "x^^2", r"\sqrt[5]{x}", r"\text{a \b}"),
    ],
)
def test_formulas_without_a_unicode_form_are_refused(source: str) -> None:
    assert latex_to_unicode(source) is None


@examples(500)
@given(st.lists(st.sampled_from(PARTS) | st.characters(), max_size=12).map("".join))
def test_no_formula_fails(source: str) -> None:
    shown = latex_to_unicode(source)
    assert shown is None or "\x1b" not in shown
