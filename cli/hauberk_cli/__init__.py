"""The `hauberk` command."""
