"""Run the program as ``python -m chatrepl``."""

from chatrepl.cli.main import run

if __name__ == "__main__":
    run()
