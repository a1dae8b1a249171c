"""`python nursery.py` starts worker processes that die at a given moment, one after another.

Each line on standard input is {"settings": …, "strike": arguments of `moments.strike`}; the answers
are the worker's process id at once and, at its end, where it was struck ("" for one that was not).
Workers are forked from this program, which has everything imported and no thread: so a life costs
milliseconds, and hundreds fit into a test. They run `studio.worker.main`, like any other.
"""

import json
import os
import sys

import marked_runner  # noqa: F401 - a worker should not spend its short life on importing
from moments import strike

from studio import worker


def main():
    for line in sys.stdin:
        order = json.loads(line)
        lifeline, ours = os.pipe()
        said, saying = os.pipe()
        os.write(ours, worker.WorkerSettings(**order["settings"]).to_line())
        process = os.fork()
        if process == 0:
            os.close(ours)
            sys.stdin = os.fdopen(lifeline)
            strike(report=saying, **order["strike"])
            worker.main()
            os._exit(0)
        os.close(lifeline)
        os.close(saying)
        answer(process)
        os.waitpid(process, 0)
        os.close(ours)
        with os.fdopen(said) as report:
            answer(report.read().strip())


def answer(value):
    sys.stdout.write(f"{value}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
