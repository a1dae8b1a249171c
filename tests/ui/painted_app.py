"""`python app.py` with a painter in the pipeline's place: no weights, and every stage at will."""

import functools
import importlib

if __name__ == "__main__":
    app = importlib.import_module("app")
    app.Studio = functools.partial(app.Studio, runner="painting_runner:PaintingRunner")
    app.end(app.main())
