"""What is kept in one database, brought over to another."""
