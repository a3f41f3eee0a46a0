"""`python -m benchmarks.clusterings`."""

from __future__ import annotations

import sys

from benchmarks.clusterings.command import main

sys.exit(main())
