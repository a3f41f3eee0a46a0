"""Several servers on one database and one folder: which of them has a meeting, and what happens when one is gone."""
