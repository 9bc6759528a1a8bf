"""A program that serves gRPC on the port in PORT, until it is told to end."""

import os
import signal

from grpc_peers import grpc_service

with grpc_service("program", int(os.environ["PORT"])):
    signal.sigwait((signal.SIGTERM, signal.SIGINT))
