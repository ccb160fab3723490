"""The front door: argv and environment in, wired rooms, exit code out."""
