"""A command that is told to end does so in good order, whoever tells it: a keyboard, `kill`, a
batch system, or a terminal that closes.
"""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

ENDING = (signal.SIGTERM, signal.SIGHUP)


@contextmanager
def ended_in_order() -> Iterator[None]:
    """Lets SIGTERM and SIGHUP interrupt as Ctrl-C does; the exit code is then 128 + the signal's
    number. A signal that whoever started the command has chosen to ignore, as nohup does, stays
    ignored.
    """
    told: list[int] = []

    def interrupt(number: int, _frame: FrameType | None) -> NoReturn:
        told.append(number)
        raise KeyboardInterrupt

    main = threading.current_thread() is threading.main_thread()
    ours = [n for n in ENDING if main and signal.getsignal(n) is signal.SIG_DFL]
    for number in ours:
        signal.signal(number, interrupt)
    try:
        yield
    except (KeyboardInterrupt, SystemExit):
        if told:
            sys.exit(128 + told[0])
        raise
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)
