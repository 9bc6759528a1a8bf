"""Our own kinds, for what no other API has."""
