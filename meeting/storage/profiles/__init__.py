"""The voices that are kept."""
