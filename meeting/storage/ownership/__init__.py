"""Which server has which meeting, in the database."""
