"""`python -m benchmarks.microphones`."""

from __future__ import annotations

import sys

from benchmarks.microphones.command import main

sys.exit(main())
