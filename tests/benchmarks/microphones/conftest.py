"""The made voices of the rooms."""

from __future__ import annotations

from tests.benchmarks.rooms.conftest import voices as voices
