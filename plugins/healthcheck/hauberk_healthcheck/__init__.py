"""Active health checks: endpoints are asked again and again, and left out while they do not answer as they should."""
