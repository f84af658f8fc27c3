"""errors: what the bed says when it cannot, or could not in time."""


class Skip(Exception):
    """The bed cannot stand here, for this reason."""


class BedError(Exception):
    """Something of the bed failed: what was done, what was found, where to look."""


class Final(BedError):
    """Waiting longer will not help."""


class TimedOut(Final):
    """A condition did not come true in time; says what was seen last."""


class Died(Final):
    """A daemon that was to go on has ended."""
