"""Two families of errors: what the gateway did wrong, and what we could not find out.

::

    Finding (AssertionError)      the gateway did not do what a criterion demands        -> FAIL
      LinkFinding                 it did not answer, or not with a reply of the protocol -> FAIL
    HarnessError                  we could not find out                                  -> see below
      Unproven                    what is missing for a proof                            -> UNPROVEN
      UsageProblem                the person's input cannot be used                      -> exit status 4

A text is for a person under pressure: what was expected, what was received, where, what to do next.
"""

from __future__ import annotations


class Finding(AssertionError):
    """The gateway did not do what a criterion demands."""


class LinkFinding(Finding):
    """The gateway did not answer, or what it sent is no reply to the request."""


class HarnessError(Exception):
    """We could not find out."""


class Unproven(HarnessError):
    """The proof is not there; the text says what is missing."""


class UsageProblem(HarnessError):
    """A plan, a file or an option cannot be used; the text says where, what, and what would be right."""
