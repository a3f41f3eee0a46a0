"""`python -m benchmarks.several_servers`."""

from __future__ import annotations

import sys

from benchmarks.several_servers.command import main

sys.exit(main())
