"""Takes up an authority whose files somebody replaced, and announces a root's successor in time."""

from typing import Final

import trio

from hauberk_control.ca.authority import Authority
from hauberk_control.ca.errors import AuthorityError
from hauberk_core.agent.logs import LOG
from hauberk_core.agent.watch import SETTLE_SECONDS, Stamps, take_stamps

# Whoever rotates an authority by hand waits for it; a look costs a few system calls.
_LOOK_SECONDS: Final = 2.0
# Roots near their end a year before, so that a look a day is early enough.
_DAY_SECONDS: Final = 86_400.0


async def follow_authority(authority: Authority) -> None:
    """Reload `authority` when its folder changes, and once a day, for ever.

    Files that are wrong are logged once and change nothing: what was in use stays in use. Cancellation: safe.
    """
    known = _look(authority)
    reloaded = trio.current_time()
    while True:
        await trio.sleep(_LOOK_SECONDS)
        stamps = _look(authority)
        if stamps == known and trio.current_time() - reloaded < _DAY_SECONDS:
            continue
        # Several files are never replaced at once.
        await trio.sleep(SETTLE_SECONDS)
        if _look(authority) != stamps:
            continue
        known = stamps
        reloaded = trio.current_time()
        try:
            await trio.to_thread.run_sync(authority.reload)
        except AuthorityError as error:
            LOG.error("the authority that was in use stays in use: %s", error)


def _look(authority: Authority) -> Stamps:
    return take_stamps(sorted(authority.folder.glob("*.pem")))
