"""Sessions with one endpoint (Gateway API's session persistence, GEP-1619): found in requests, handed out with responses.

A session that is found goes before the weights, also where its backend has none left. Where its endpoint is gone, or did not
answer, a new one begins with the endpoint that did, and its token takes the place of the old one.
"""

from typing import Final

from hauberk_canary.cookies import MOST_VALUES, cookie_path, cookie_values, set_cookie
from hauberk_canary.directory import Directory
from hauberk_canary.token import CLOCK_SKEW, LENGTH, Sealer, Session
from hauberk_core.plugin.data import Backend, Endpoint, Exchange, Picker, Reply, Services, SyncFilter

# The note's key among the attributes of an exchange.
_NOTE: Final = "canary.session"


class SessionRules:
    """How sessions of one scope are carried, and when they end."""

    __slots__ = ("absolute", "idle", "is_cookie", "max_age", "name", "paths")

    def __init__(self, name: str, is_cookie: bool, absolute: float, idle: float, max_age: int, paths: tuple[str, ...]) -> None:
        """Args: absolute, idle - seconds, 0: no end. max_age - of the cookie, seconds; 0: it ends with the browser. paths - what
        its Path may be."""
        self.name: Final = name if is_cookie else name.lower()
        self.is_cookie: Final = is_cookie
        self.absolute: Final = absolute
        self.idle: Final = idle
        self.max_age: Final = max_age
        self.paths: Final = tuple(sorted(paths, key=_shortness))

    def tokens(self, exchange: Exchange) -> list[str]:
        """What a request brings; a few of them where a client sends several."""
        if self.is_cookie:
            return cookie_values(exchange.headers, self.name)
        return exchange.headers.get_all(self.name)[:MOST_VALUES]

    def is_over(self, session: Session, now: int) -> bool:
        """Whether a session has ended, or claims to have begun after now."""
        if session.began > now + CLOCK_SKEW or session.used > now + CLOCK_SKEW:
            return True
        return (self.absolute > 0.0 and now - session.began >= self.absolute) or (
            self.idle > 0.0 and now - session.used >= self.idle
        )


class _Note:
    """What the beginning of an exchange knows and its response wants to know."""

    __slots__ = ("endpoint", "path", "session")

    def __init__(self, path: str, session: Session | None, endpoint: Endpoint | None) -> None:
        self.path: Final = path
        """The request's, before rules rewrote it."""
        self.session: Final = session
        """That which the request brought, unless it was over."""
        self.endpoint: Final = endpoint
        """Where it belongs; None: that is gone."""


class SessionPicker(Picker):
    """Sends requests of a session where it belongs."""

    __slots__ = ("_directory", "_refused", "_rules", "_sealer", "_services")

    def __init__(self, rules: SessionRules, sealer: Sealer, services: Services) -> None:
        self._rules: Final = rules
        self._sealer: Final = sealer
        self._directory: Final = Directory(sealer)
        self._services: Final = services
        self._refused: Final = services.counter("sessions_refused")

    def pick(self, exchange: Exchange, backends: tuple[Backend, ...]) -> Backend | None:
        rules = self._rules
        found: Session | None = None
        for token in rules.tokens(exchange):
            session = self._sealer.open(token)
            if session is None:
                # Forged, of another scope, or of a secret that is no longer ours. Other lengths are other people's cookies.
                if len(token) == LENGTH:
                    self._refused.add()
                continue
            if rules.is_over(session, int(self._services.wall())):
                continue
            for backend in backends:
                endpoint = self._directory.find(backend, session.tag)
                if endpoint is not None:
                    exchange.preferred = endpoint
                    exchange.attributes[_NOTE] = _Note(exchange.path, session, endpoint)
                    return backend
            found = session
        exchange.attributes[_NOTE] = _Note(exchange.path, found, None)
        return None


class SessionFilter(SyncFilter):
    """Hands out the token of a session that begins, and renews one that must not grow old."""

    __slots__ = ("_began", "_moved", "_rules", "_sealer", "_services")

    def __init__(self, rules: SessionRules, sealer: Sealer, services: Services) -> None:
        self._rules: Final = rules
        self._sealer: Final = sealer
        self._services: Final = services
        self._began: Final = services.counter("sessions_began")
        self._moved: Final = services.counter("sessions_moved")

    def response(self, exchange: Exchange) -> Reply | None:
        note = exchange.attributes.get(_NOTE)
        endpoint = exchange.endpoint
        if not isinstance(note, _Note) or endpoint is None:
            return None
        now = int(self._services.wall())
        session = note.session
        if session is not None and note.endpoint is endpoint:
            if self._rules.idle > 0.0 and now > session.used:
                self._hand_out(exchange, note.path, Session(session.began, now, session.tag), now)
            return None
        counter = self._began if session is None else self._moved
        counter.add()
        self._hand_out(exchange, note.path, Session(now, now, self._sealer.tag(endpoint.address)), now)
        return None

    def _hand_out(self, exchange: Exchange, path: str, session: Session, now: int) -> None:
        rules = self._rules
        token = self._sealer.seal(session)
        headers = exchange.response_headers
        if not rules.is_cookie:
            headers.set(rules.name, token)
            return
        # A permanent cookie is kept for as long as the session has left.
        max_age = 0 if rules.max_age == 0 else max(1, rules.max_age - (now - session.began))
        path = cookie_path(rules.paths, path)
        headers.add("set-cookie", set_cookie(rules.name, token, path, exchange.scheme == "https", max_age))


def _shortness(path: str) -> int:
    return -len(path)
