"""What is installed, as manifests whose leaves may be expressions over the values."""
