"""``report.html``: everything that a stranger needs to judge a run, on one page that needs nothing but itself.

``static`` is what it says, above the table that pytest-html draws; ``rows`` is what that table says of a criterion;
``shell`` makes the finished file fit for a phone, a screen reader and a reader who trusts no script.
"""
