"""hauberk on a Kubernetes cluster: how soon a change serves, how soon a Gateway does, and how much memory it all takes."""
