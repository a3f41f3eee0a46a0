"""`python -m benchmarks.doors`."""

from __future__ import annotations

import sys

from benchmarks.doors.command import main

sys.exit(main())
