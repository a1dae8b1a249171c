"""The program without a page: python small_app.py DATA MODEL, until it is killed or told to end."""

import signal
import sys
import threading
from pathlib import Path

from studio_ways import RUNNER

from storage.database import Database
from studio.settings import Settings
from studio.studio import Studio


def main():
    data, model = map(Path, sys.argv[1:])
    settings = Settings(data_folder=data, model_folder=model)
    studio = Studio(settings, Database.open(data), runner=RUNNER)
    ending = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ending.set())
    studio.start()
    ending.wait()
    studio.stop()


if __name__ == "__main__":
    main()
