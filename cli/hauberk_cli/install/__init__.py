"""`hauberk install` and its companions: what a cluster gets, as values, as YAML, and as a Helm chart."""
