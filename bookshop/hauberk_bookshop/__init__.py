"""A small bookshop in four services, to have something worth putting a proxy in front of.

    productpage ----> details
        |
        +-----------> reviews (v1: words only, v2: black stars, v3: red stars) ----> ratings

Each is an ordinary HTTP/1.1 server that knows nothing of meshes: `python -m hauberk_bookshop productpage --port 9080`.
Where the others are found comes from the environment, in the form in which Kubernetes gives it; see `settings`.
"""
