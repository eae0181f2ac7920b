"""What errors about files tell a user: what a file or a column seems to be, and the next step."""
