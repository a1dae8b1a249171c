"""Moments at which a process can be killed: each statement, commit, rename, fsync, file written.

`strike` sends this process a signal at the n-th moment from now on, and first writes into a pipe
where that was: the kind of the moment and the functions of ours that were at work. Nothing of the
product is changed: the moments come from Python's audit events, from SQLAlchemy's, from `os.fsync`,
and from a runner that says `moment` itself.
"""

import os
import signal
import sys
import threading

from sqlalchemy import Engine, event

OURS = ("storage", "studio", "marked_runner")
STATEMENTS = ("before_cursor_execute", "after_cursor_execute", "commit", "rollback")
AUDITED = {"os.rename", "os.remove", "os.mkdir", "os.rmdir"}
WRITING = os.O_WRONLY | os.O_RDWR


class Plan:
    """What is to happen to this process, and after how many more moments."""

    left = 0  # 0: nothing will
    inside = ""  # only moments inside this function count; "": all
    signal = signal.SIGKILL
    report = -1
    lock = threading.Lock()  # the heartbeat has moments too


def strike(number, report, *, inside="", stop=False):
    """Watch from now on: kill this process at the moment of this number, or stop it there.

    A process is stopped only between its transactions: inside one it would hold the write lock.
    """
    Plan.left, Plan.report, Plan.inside = number or 0, report, inside
    Plan.signal = signal.SIGSTOP if stop else signal.SIGKILL
    sys.addaudithook(_audited)
    os.fsync = _announced("fsync", os.fsync)
    if not stop:
        for name in STATEMENTS:
            event.listen(Engine, name, lambda *_, kind=name, **__: moment(kind))


def moment(kind):
    """Something happens now; perhaps it is the last thing."""
    if not Plan.left or (Plan.inside and Plan.inside not in places()):
        return
    with Plan.lock:
        Plan.left -= 1
        if not Plan.left:
            os.write(Plan.report, f"{kind} {' '.join(places())}\n".encode())
            os.kill(os.getpid(), Plan.signal)


def places():
    """The functions of ours that are at work, the innermost first."""
    frame, found = sys._getframe(2), []
    while frame is not None:
        if frame.f_globals.get("__name__", "").partition(".")[0] in OURS:
            found.append(frame.f_code.co_name)
        frame = frame.f_back
    return found


def _audited(name, arguments):
    writes = name == "open" and isinstance(arguments[2], int) and arguments[2] & WRITING
    if writes or name in AUDITED:
        moment(name)


def _announced(kind, function):
    def announce(*arguments):
        moment(kind)
        function(*arguments)
        moment(kind)

    return announce
