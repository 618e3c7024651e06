"""An outside reviewer for ``mt5canary review --reviewer "python3 docs/second_look.py"``; it needs no network.

It reads the case on standard input and vetoes what is inside its limits and close to them: a limit that is nearly used
up today is passed tomorrow. Any command can stand here, one that asks a person or a model included.
"""

import json
import re
import sys

CLOSE = 0.8
"""How much of a limit may be used up."""


def too_close(measurement: dict[str, object]) -> bool:
    """Whether a value uses up more of its upper limit than it should."""
    limit = re.match(r"<=? (\d+(?:\.\d+)?)", str(measurement["limit"]))
    value = measurement["value"]
    if limit is None or isinstance(value, bool) or not isinstance(value, int | float) or float(limit[1]) == 0:
        return False
    return value > CLOSE * float(limit[1])


def main() -> None:
    """Read the case, answer."""
    case = json.load(sys.stdin)
    reasons = [
        f"{criterion['id']} {measurement['name']} is {measurement['value']} of {measurement['limit']}"
        for criterion in case["verdict"]["criteria"]
        for measurement in criterion["measurements"]
        if too_close(measurement)
    ]
    print(json.dumps({"verdict": "veto" if reasons else "approve", "reasons": reasons}))


if __name__ == "__main__":
    main()
