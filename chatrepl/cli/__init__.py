"""The command line: argv and environment in, a wired program, exit code out."""
