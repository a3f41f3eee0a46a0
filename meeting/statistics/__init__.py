"""Who spoke how much in a meeting: one definition for the API, the page, the command and agents."""
