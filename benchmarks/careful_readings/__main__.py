"""`python -m benchmarks.careful_readings`."""

from __future__ import annotations

import sys

from benchmarks.careful_readings.command import main

sys.exit(main())
