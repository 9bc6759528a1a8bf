"""`hauberk demo`: a whole mesh with the bookshop in it, on loopback, as any user may start it; `--check` verifies it."""
