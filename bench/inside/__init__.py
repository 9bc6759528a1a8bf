"""The proxy's own part of a request's cost: the data path in this process, between sockets that answer by themselves."""
