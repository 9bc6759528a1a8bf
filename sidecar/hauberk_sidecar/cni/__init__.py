"""Capture set up by the node instead of an init container, for namespaces whose Pod Security forbids NET_ADMIN.

A DaemonSet runs `python -m hauberk_sidecar.cni` on each node. It adds a link to the node's chain of CNI plugins
(https://www.cni.dev/docs/spec/): a script that asks this agent, through files in a folder that only root may enter, to lead the
connections of a starting pod to its proxy. What is asked of it stands in the annotation that injection wrote.
"""
