"""`python -m sanawm`: the model without the app."""

import sys

from sanawm.cli.main import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
