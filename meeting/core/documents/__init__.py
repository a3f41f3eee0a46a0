"""A transcript as a document: a Word file, a web page, a table."""
