"""For Prometheus and Grafana: dashboards, and rules for alerts. A test holds each expression to what is counted."""
