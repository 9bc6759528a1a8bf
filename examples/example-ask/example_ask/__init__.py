"""A small plugin for hauberk that asks a service about each request, to be read and copied."""
