"""The Kubernetes API, as far as control calls it; `client` alone knows the library that speaks to it."""
