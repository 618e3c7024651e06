"""How pytest behaves in this repository."""

import gc

# What is loaded at the start stays to the end, so no collection need look at it: options.py switches them on again
gc.disable()
