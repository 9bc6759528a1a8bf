"""The demo's checks of itself: each runs against the live demo and returns its verdict with the figures it rests on."""
