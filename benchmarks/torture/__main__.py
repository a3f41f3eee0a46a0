"""`python -m benchmarks.torture`."""

from __future__ import annotations

import sys

from benchmarks.torture.command import main

sys.exit(main())
