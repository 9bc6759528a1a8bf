"""What goes wrong at the certificate authority."""


class AuthorityError(Exception):
    """The authority cannot start, or cannot sign; the message says why and what to do."""
