"""`python -m benchmarks.rooms`."""

from __future__ import annotations

import sys

from benchmarks.rooms.command import main

sys.exit(main())
