"""Wanderbook: `python app.py` opens the page and prints its address.

The composition root: settings, storage, studio, page, then the worker, which opens the model while
the page already answers. Torch is never imported here; the worker process is its only home.
Exit codes: 0 ended, 2 bad input, 4 model files missing.
"""

import argparse
import os
import signal
import sys
import threading
from typing import NoReturn

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # read when gradio is imported

from sanawm.errors import InvalidRequestError, ModelFilesMissingError
from storage.database import Database
from storage.errors import StorageError
from studio.owner_key import with_owner_key
from studio.settings import Settings
from studio.studio import Studio
from ui.serving import Place, serve


def main(arguments: list[str] | None = None) -> int:
    """Serve until Ctrl-C or SIGTERM, then end in order: worker, page, database."""
    options = _parse(arguments)
    chosen = Settings.from_environment()
    ended = _end_on_signals()
    try:
        place = Place.choose(options.host, options.port, options.share)
        settings = with_owner_key(chosen, local=place.is_local)
        database = Database.open(settings.data_folder)
        studio = Studio(settings, database, local_owner=place.is_local)
        page, address = serve(studio, place)
    except ModelFilesMissingError as error:
        return _refuse(error, 4)
    except (InvalidRequestError, StorageError, OSError) as error:
        return _refuse(error, 2)
    sys.stdout.write(f"Wanderbook is open at {address}\n")
    if settings.owner_key != chosen.owner_key:  # whoever chose one knows it
        sys.stdout.write(f"Owner's address: {address}#owner={settings.owner_key}\n")
    sys.stdout.flush()
    studio.start()
    ended.wait()
    studio.stop()
    page.close(verbose=False)
    database.close()
    return 0


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="app.py", description="Open Wanderbook in the browser.")
    parser.add_argument("--host", help="address to listen on (default: this computer only)")
    parser.add_argument("--port", type=int, help="port to listen on (default: free, from 7860 on)")
    parser.add_argument("--share", action="store_true", help="a public address, through Gradio")
    return parser.parse_args(arguments)


def _end_on_signals() -> threading.Event:
    """Set at the first Ctrl-C or SIGTERM; a second one ends at once."""
    ended = threading.Event()

    def end(number: int, frame: object) -> None:
        signal.signal(number, signal.SIG_DFL)
        ended.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    return ended


def _refuse(error: Exception, code: int) -> int:
    sys.stderr.write(f"{error}\n")
    return code


def end(code: int) -> NoReturn:
    """End at once: all is closed by now, and taking a large interpreter down takes seconds."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    end(main())
