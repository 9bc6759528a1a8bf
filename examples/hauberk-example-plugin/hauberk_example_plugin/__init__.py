"""Two small plugins for hauberk, to be read and copied."""
