"""The core: the program's logic, on the standard library alone, without I/O; time is passed in."""
