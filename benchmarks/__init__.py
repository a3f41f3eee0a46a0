"""Programs that measure, compare and torture this project. Files are programs, and so are folders but `harness`."""
