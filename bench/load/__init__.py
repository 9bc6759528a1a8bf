"""Load generators: each is a command to run on the load's core and a reader of what it prints."""
