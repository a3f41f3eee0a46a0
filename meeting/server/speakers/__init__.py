"""Who speaks, over HTTP: voices that are kept."""
