"""What the program means: standard library only, no I/O, no terminal; time and chance come in."""
