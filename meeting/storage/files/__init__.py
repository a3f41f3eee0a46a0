"""What lies on disk beside the database: audio as received, FLAC, exports, and notes of what went wrong."""
