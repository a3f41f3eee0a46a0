"""`python -m meeting`."""

from __future__ import annotations

import os
import sys

from meeting.cli import main

if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    # Everything is stored and closed by now. Taking torch apart would cost seconds, and models that are still
    # being loaded in a thread might bring the process down with a crash instead of this code.
    os._exit(code)
