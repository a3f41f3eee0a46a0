"""`python -m benchmarks.profile`."""

from __future__ import annotations

import sys

from benchmarks.profile.command import main

sys.exit(main())
