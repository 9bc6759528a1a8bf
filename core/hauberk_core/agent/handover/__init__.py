"""How an agent takes over from the one before it, and leaves what it has to the one after it.

The protocol is systemd's, which other service managers speak too: a service parks duplicates of its descriptors with its manager
(sd_notify(3), sd_pid_notify_with_fds(3)) and finds them again at its next start (sd_listen_fds(3)). Below `hauberk up` and
`hauberk run` these are the manager.
"""
