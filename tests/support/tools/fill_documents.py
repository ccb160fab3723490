"""Write the generated parts of the documents anew.

``python -m tests.support.tools.fill_documents`` does it.
"""

from tests.support import ROOT
from tests.support.reference import fill

if __name__ == "__main__":
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        path.write_text(fill(path.read_text("utf-8")), "utf-8")
