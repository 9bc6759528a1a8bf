"""Registers the data half of canary: the entry point `canary` of the group `hauberk.data`."""

from typing import Final

from hauberk_canary.config import CanaryConfig, Session, read_config
from hauberk_canary.data import CanaryPicker
from hauberk_canary.fallback import Fallback
from hauberk_canary.sessions import SessionFilter, SessionPicker, SessionRules
from hauberk_canary.token import Sealer
from hauberk_canary.users import CookieUsers, HeaderUsers, SourceUsers, Users
from hauberk_core.plugin.data import Picker, Services, SyncFilter, hookimpl

HAUBERK_API: Final = "1"


@hookimpl
def hauberk_backend_picker(config: dict[str, object], services: Services) -> Picker:
    """What keeps sessions, or users, where they belong. Raises: ValueError for a configuration that is wrong."""
    read = read_config(config)
    session = read.session
    if session is not None:
        return SessionPicker(_rules(session), Sealer(session.secret, session.scope), services)
    return CanaryPicker(_users(read), Fallback(read.fallback, services))


@hookimpl
def hauberk_request_filter(config: dict[str, object], services: Services) -> SyncFilter | None:
    """What hands out sessions' tokens; None where there are no sessions. Raises: ValueError as above."""
    session = read_config(config).session
    if session is None:
        return None
    return SessionFilter(_rules(session), Sealer(session.secret, session.scope), services)


def _rules(session: Session) -> SessionRules:
    max_age = int(session.absolute) if session.permanent else 0
    return SessionRules(session.name, session.type == "cookie", session.absolute, session.idle, max_age, session.paths)


def _users(config: CanaryConfig) -> Users | None:
    sticky = config.sticky
    if sticky is None:
        return None
    if sticky.header is not None:
        return HeaderUsers(sticky.header)
    if sticky.cookie is not None:
        return CookieUsers(sticky.cookie)
    return SourceUsers(sticky.source.trusted_hops if sticky.source is not None else 0)
