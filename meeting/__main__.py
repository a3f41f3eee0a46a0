"""`python -m meeting`."""

from __future__ import annotations

import sys

from meeting.cli import main

if __name__ == "__main__":
    sys.exit(main())
