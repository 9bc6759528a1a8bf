"""`hauberk check`: whether an installation is complete and works, in groups, each with what to do where it does not."""
