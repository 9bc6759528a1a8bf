"""The agent's end of discovery: the configuration as control tells it, kept on disk for the time when control is away."""
