"""What control and the agents say to each other: the messages, and what they carry."""
