"""`hauberk demo`: the bookshop behind a gateway, on loopback, as any user may start it; with `--check` it verifies itself."""
