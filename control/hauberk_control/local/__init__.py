"""Control's door for whoever sits at the same machine: a socket in the file system, open to one user."""
