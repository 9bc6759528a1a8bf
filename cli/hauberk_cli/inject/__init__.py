"""`hauberk inject`."""
