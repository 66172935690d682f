"""The verifier: judges an installed environment against the composition that it came from.

The folder is copied as it is into a user's `.envcompose/verify/` and run there with `python .envcompose/verify`; it
uses the standard library only, runs on Python 3.9 and later, and imports nothing else of envcompose. Start reading in
`command.py`.
"""

from __future__ import annotations

FORM = "1"
"""Counts the forms of the verifier; a newer envcompose compares it with a copy's to say that the copy is old."""
