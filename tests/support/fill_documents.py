"""Write the generated parts of the documents anew: ``python -m tests.support.fill_documents``."""

from pathlib import Path

from tests.support.reference import fill

ROOT = Path(__file__).parent.parent.parent

if __name__ == "__main__":
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        path.write_text(fill(path.read_text("utf-8")), "utf-8")
