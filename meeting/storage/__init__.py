"""What is on disk: the database, the journals of audio, FLAC files."""
