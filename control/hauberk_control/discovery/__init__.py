"""Control's end of discovery: each proxy is told its own configuration, and what it says of it is remembered."""
