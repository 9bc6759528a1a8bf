"""Addresses as the socket module has them."""


def format_address(address: object) -> str:
    """`host:port`, with brackets round IPv6, of what the socket module returns."""
    if isinstance(address, tuple) and len(address) >= 2:
        host = str(address[0])
        if host.startswith("::ffff:") and "." in host:
            host = host[7:]
        return f"[{host}]:{address[1]}" if ":" in host else f"{host}:{address[1]}"
    return "-"
