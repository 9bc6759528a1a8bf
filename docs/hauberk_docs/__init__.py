"""Pages of the reference that are written from the code, so that they cannot say something else: `make docs`."""
