"""The control service: resources in, configuration and certificates for each proxy out."""
