"""The outside world behind the core's ports: servers, vocabularies, disk, clipboard, prices."""
