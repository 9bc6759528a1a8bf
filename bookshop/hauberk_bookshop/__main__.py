"""`python -m hauberk_bookshop SERVICE --port N`: run one service until SIGINT or SIGTERM."""

import logging
import os
import random
import signal
from functools import partial
from pathlib import Path
from typing import Final

import click
import trio

from hauberk_bookshop.app import App
from hauberk_bookshop.details import details_app
from hauberk_bookshop.faults import read_delay, with_faults
from hauberk_bookshop.productpage import productpage_app
from hauberk_bookshop.ratings import ratings_app
from hauberk_bookshop.reviews import reviews_app
from hauberk_bookshop.serving import Server
from hauberk_bookshop.settings import SERVICES, Settings, SettingsError, read_settings
from hauberk_bookshop.web import Handler, Request, Response, json_response, problem
from hauberk_bookshop.wire import Health

_BUILDERS: Final = {
    "productpage": productpage_app,
    "details": details_app,
    "ratings": ratings_app,
    "reviews": reviews_app,
}


def build_app(settings: Settings) -> App:
    """One service as it is served: its own answers, `/health`, the faults asked for, and 405 for what is not GET or HEAD."""
    service = _BUILDERS[settings.service](settings)
    health = json_response(Health(service=settings.service, version=settings.version, instance=settings.instance))

    async def handle(request: Request) -> Response:
        if request.method not in ("GET", "HEAD"):
            refusal = problem(405, f"{settings.service} is only read from")
            return Response(405, refusal.body, headers=(*refusal.headers, ("allow", "GET, HEAD")))
        if request.path == "/health":
            return health
        return await service.handler(request)

    return App(_with_faults_asked_for(handle, settings), service.calls)


def _with_faults_asked_for(handler: Handler, settings: Settings) -> Handler:
    if settings.fault_delay_file:
        delay = partial(read_delay, Path(settings.fault_delay_file), settings.fault_delay)
        return with_faults(handler, delay, settings.fault_rate, random.random)
    if settings.fault_delay or settings.fault_rate:
        return with_faults(handler, lambda: settings.fault_delay, settings.fault_rate, random.random)
    return handler


async def serve(settings: Settings, host: str, port: int) -> None:
    """Serve until SIGINT or SIGTERM, and say on standard output where.

    Raises: OSError if the address cannot be bound.
    """
    app = build_app(settings)
    stop = trio.Event()
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        listeners = await trio.open_tcp_listeners(port, host=host)
        shown = f"[{host}]" if ":" in host else host
        click.echo(f"{settings.instance} serves http://{shown}:{listeners[0].socket.getsockname()[1]}")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(Server(app.handler).run, listeners, stop)
            async for _ in signals:
                stop.set()
                break
    await app.aclose()


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("service", type=click.Choice(SERVICES))
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to serve on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    envvar="PORT",
    help="Port to serve on; else that in PORT. [default: any free one, which is then shown]",
)
@click.option("--delay", metavar="SECONDS", help="Wait so long before each answer (FAULT_DELAY).")
@click.option(
    "--delay-file", metavar="FILE", help="While this file is there, the seconds in it count instead (FAULT_DELAY_FILE)."
)
@click.option("--fail-rate", metavar="SHARE", help="Answer this share of requests with 503, 0 to 1 (FAULT_RATE).")
def main(service: str, host: str, port: int, delay: str | None, delay_file: str | None, fail_rate: str | None) -> None:
    """Run one SERVICE of the bookshop. Where it finds the others comes from the environment: see hauberk_bookshop.settings."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s")
    environment = dict(os.environ)
    if delay is not None:
        environment["FAULT_DELAY"] = delay
    if delay_file is not None:
        environment["FAULT_DELAY_FILE"] = delay_file
    if fail_rate is not None:
        environment["FAULT_RATE"] = fail_rate
    try:
        settings = read_settings(service, environment)
    except SettingsError as error:
        raise click.UsageError(f"{service} cannot start:\n{error}") from error
    try:
        trio.run(serve, settings, host, port)
    except OSError as error:
        raise click.ClickException(f"{service} cannot serve on {host}:{port}: {error}") from error


if __name__ == "__main__":
    main(prog_name="python -m hauberk_bookshop")
