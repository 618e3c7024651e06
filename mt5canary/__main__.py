"""Run the command line as ``python -m mt5canary``."""

import sys

from mt5canary.cli import main

sys.exit(main())
