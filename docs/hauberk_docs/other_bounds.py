"""Bounds of plugins, of what is configured, and of control."""

from hauberk_canary.cookies import MOST_VALUES
from hauberk_compression.data import MOST_STREAMS as MOST_COMPRESSED
from hauberk_control.ca.authority import LONGEST_VALIDITY
from hauberk_control.ca.tokens import LONGEST_LIFETIME, MOST_TOKENS
from hauberk_control.discovery.service import MOST_STREAMS, MOST_STREAMS_AN_IDENTITY
from hauberk_control.inject.webhook import LARGEST_BODY as LARGEST_REVIEW
from hauberk_control.local.workloads import MOST_WORKLOADS
from hauberk_control.sources.known import MOST_OBJECTS
from hauberk_control.sources.scan import DEEPEST_FOLDER, MOST_BYTES, MOST_FILES
from hauberk_control.translate.gateway_listener import MOST_LISTENERS
from hauberk_control.translate.weights import HEAVIEST
from hauberk_core.agent.export.exporter import QUEUED_OCTETS
from hauberk_core.agent.secrets import LARGEST_PEM
from hauberk_core.model.check import LARGEST_BUNDLE
from hauberk_core.model.document import LARGEST_DOCUMENT, MOST_ERRORS
from hauberk_core.model.duration import LONGEST_SECONDS
from hauberk_core.model.syntax import LONGEST_HEADER_VALUE, LONGEST_PATH
from hauberk_core.plugin.http_client import LARGEST_ANSWER, MOST_REQUESTS
from hauberk_core.plugin.reply import LARGEST_BODY as LARGEST_REPLY
from hauberk_core.plugin.tasks import MOST_CALLS
from hauberk_core.plugin.wish import LARGEST_WHOLE, LONGEST_PAUSE
from hauberk_core.proxy.holding import MOST_OCTETS, MOST_PAUSES
from hauberk_core.resources.read import MOST_DOCUMENTS
from hauberk_core.resources.yaml import LARGEST_FILE
from hauberk_core.route.regular_expression import LARGEST_PROGRAM, LONGEST_PATTERN
from hauberk_directresponse.config import LARGEST_BODY as LARGEST_DIRECT
from hauberk_docs.bound import Bound, duration, octets
from hauberk_fault.config import LONGEST_SECONDS as LONGEST_FAULT


def plugins() -> list[Bound]:
    """What plugins may hold."""
    return [
        Bound("calls of filters that wait, each worker", str(MOST_CALLS), "", "as the use's `failure` says"),
        Bound("exchanges that pause, each worker", str(MOST_PAUSES), "", "they go on at once"),
        Bound("a pause", duration(LONGEST_PAUSE), "", "an error in the plugin"),
        Bound("a body that is kept whole", octets(LARGEST_WHOLE), "`maxBytes`", "413; a response is passed on"),
        Bound("all such bodies, each worker", octets(MOST_OCTETS), "", "503 `overflow`; a response is passed on"),
        Bound(
            "the body of an answer by a plugin; by `directresponse`",
            f"{octets(LARGEST_REPLY)}; {octets(LARGEST_DIRECT)}",
            "",
            "refused",
        ),
        Bound(
            "questions that a plugin asks at a time; an answer",
            f"{MOST_REQUESTS}; {octets(LARGEST_ANSWER)}",
            "",
            "they wait; a failure",
        ),
        Bound("answers that are compressed at a time, each worker", str(MOST_COMPRESSED), "", "others go out as they are"),
        Bound("a delay by `fault`", duration(LONGEST_FAULT), "`fixedDelay`", "refused"),
        Bound("cookies of one name that are looked at", str(MOST_VALUES), "", "the rest is not seen"),
        Bound("spans that wait for a collector", octets(QUEUED_OCTETS), "", "dropped, and counted"),
    ]


def resources() -> list[Bound]:
    """What may be configured."""
    return [
        Bound("a proxy's configuration file", octets(LARGEST_DOCUMENT), "", "refused, and what was served is served on"),
        Bound(
            "a file of resources; objects in it", f"{octets(LARGEST_FILE)}; {MOST_DOCUMENTS}", "", "an error; what was good stays"
        ),
        Bound("a folder: files, octets, depth", f"{MOST_FILES}; {octets(MOST_BYTES)}; {DEEPEST_FOLDER}", "", "the same"),
        Bound("objects of a mesh", str(MOST_OBJECTS), "", "the same"),
        Bound("mistakes that are told at once", str(MOST_ERRORS), "", "the rest when these are mended"),
        Bound("listeners of a Gateway with its ListenerSets", str(MOST_LISTENERS), "", "the rest is not accepted"),
        Bound("a weight", str(HEAVIEST), "", "refused"),
        Bound("any duration", duration(LONGEST_SECONDS), "", "refused; in Istio's kinds as long as that"),
        Bound("a path; a header's value, in a match", f"{LONGEST_PATH}; {LONGEST_HEADER_VALUE} octets", "", "refused"),
        Bound("a regular expression, and its program", f"{octets(LONGEST_PATTERN)}; {octets(LARGEST_PROGRAM)}", "", "refused"),
        Bound("certificates and keys in one Secret or file", octets(LARGEST_PEM), "", "refused"),
        Bound("authorities of one TLS setting", octets(LARGEST_BUNDLE), "", "refused"),
    ]


def control_service() -> list[Bound]:
    """What control takes on."""
    return [
        Bound(
            "proxies of one control; streams of one identity",
            f"{MOST_STREAMS}; {MOST_STREAMS_AN_IDENTITY}",
            "",
            "turned away; they try again",
        ),
        Bound(
            "a certificate of a workload",
            duration(LONGEST_VALIDITY.total_seconds()),
            "`--validity`",
            "it ends sooner than was asked",
        ),
        Bound("a token to join; how many at a time", f"{duration(LONGEST_LIFETIME)}; {MOST_TOKENS}", "", "refused"),
        Bound("workloads that `hauberk run` brings", str(MOST_WORKLOADS), "", "refused"),
        Bound("a question to the injection webhook", octets(LARGEST_REVIEW), "", "413"),
    ]
