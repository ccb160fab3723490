"""Pure text tools: escaping for terminals, surrogates, quoting, excerpts, TOML."""
