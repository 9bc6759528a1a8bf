"""What a cluster needs to serve a Gateway: its Deployment, its Service, and what belongs to them."""
