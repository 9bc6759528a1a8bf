"""Log lines of the proxy's processes: plain, one event each, to the standard error stream."""

import logging
from typing import Final

LOG: Final = logging.getLogger("hauberk")


def configure_logging(prefix: str = "", level: int = logging.INFO) -> None:
    """Write the log to standard error from now on. `prefix`, such as `worker 1: `, tells which process speaks."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter(f"%(asctime)s %(levelname)s {prefix}%(message)s", "%Y-%m-%dT%H:%M:%S%z"))
    LOG.handlers[:] = [handler]
    LOG.setLevel(level)
    LOG.propagate = False
    # A terminal that is gone, or does not keep up, must not fill the log with complaints about the log.
    logging.raiseExceptions = False
