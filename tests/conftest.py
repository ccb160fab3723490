"""What holds for every test."""

import signal

# Programs that the tests start must hear of a closed window, also where this run was started by
# ``nohup``: what ignores a signal hands that on to its children.
signal.signal(signal.SIGHUP, signal.SIG_DFL)
