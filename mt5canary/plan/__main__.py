"""Print the reference page of the plan."""

import sys

from mt5canary.plan.reference import page

if __name__ == "__main__":
    sys.stdout.write(page())
