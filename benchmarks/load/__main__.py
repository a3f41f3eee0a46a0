"""`python -m benchmarks.load`."""

from __future__ import annotations

import sys

from benchmarks.load.command import main

sys.exit(main())
