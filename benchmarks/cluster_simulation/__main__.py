"""`python -m benchmarks.cluster_simulation`."""

from __future__ import annotations

import sys

from benchmarks.cluster_simulation.command import main

sys.exit(main())
