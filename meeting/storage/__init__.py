"""What is kept of meetings: the database, one module for each kind of thing in it."""
