"""Where control's objects come from."""
