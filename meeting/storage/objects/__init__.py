"""Audio in an object store: journals of live meetings object by object, and FLAC of those that are over."""
