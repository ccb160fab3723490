"""What holds for every test."""

import signal

from hypothesis import HealthCheck, settings

# Programs that the tests start must hear of a closed window, also where this run was started by
# ``nohup``: what ignores a signal hands that on to its children.
signal.signal(signal.SIGHUP, signal.SIG_DFL)

# How long an example takes says what else the machine does, not what is tested.
settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")
