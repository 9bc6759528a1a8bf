"""Lets pages in browsers, which speak gRPC-Web, call services that speak gRPC."""
