"""`python -m hauberk_cli`."""

import sys

from hauberk_cli.main import main

if __name__ == "__main__":
    sys.exit(main())
