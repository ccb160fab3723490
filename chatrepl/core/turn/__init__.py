"""One turn: preflight, request, answers as they arrive, compaction, spending limit."""
