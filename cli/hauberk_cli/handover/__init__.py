"""The service manager's side of handing a program's sockets on: the part of systemd that `hauberk up` and `hauberk run` play."""
