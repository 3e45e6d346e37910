"""How fast things go here, and how late they may be on a busy machine [s]."""

PERIOD = 0.2  # between two polls
GET_STATE = 0.5  # deadline of a poll
OPERATION = 1.5  # deadline of an operation
LOST = 2 * PERIOD + 0.05  # without an answer for so long, a server may count as lost
OUTAGE = 6.0  # long enough for a server to be lost
SLACK = 0.5  # from a look at the servers to the arrival of what follows from it
NEWS = 1.0  # from an answer to the monitors that tell it
MARGIN = 2.0  # for anything else that should take no time
STOP = 15.0  # in which whatever runs is stopped
DEADLINE = 30.0  # for whatever a burst has begun
