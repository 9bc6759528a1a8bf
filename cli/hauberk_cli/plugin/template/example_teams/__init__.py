"""A plugin for hauberk: its data half acts on requests, its control half brings a kind of resource that says how."""
