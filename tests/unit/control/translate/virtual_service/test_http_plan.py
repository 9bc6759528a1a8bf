"""What is wrong with rules, where, and what becomes of them."""

import pytest
from plugin_fixtures import GivenEntry
from resource_scenarios import ask, sidecar_node, store_of
from virtual_service_scenarios import OUTBOUND, REVIEWS, TABLE, WORLD, to, virtual_service

from hauberk_control.translate.translate import Translation, Translator
from hauberk_core.config import check_whole
from hauberk_core.model import Reason
from hauberk_core.plugin.control_plugins import read_policy
from hauberk_core.plugin.host import control_host
from hauberk_core.resources.read import read_file
from hauberk_directresponse import control as directresponse
from hauberk_fault import control as fault

ROUTE = f"route: [{to()}]"


def told(*rules: str, more: str = "") -> Translation:
    host = control_host([GivenEntry("fault", fault), GivenEntry("directresponse", directresponse)], frozenset())
    translator = Translator(lambda plugin, kind, config: read_policy(host, plugin, kind, config))
    store = store_of(WORLD, virtual_service(*rules, more=more))
    translation = translator.translate(store, sidecar_node(outbound=OUTBOUND))
    check_whole(translation.snapshot, "")
    return translation


@pytest.mark.parametrize(
    ("rule", "path"),
    [
        (f"rewrite: {{uriRegexRewrite: {{match: a, rewrite: b}}}}, {ROUTE}", "rewrite.uriRegexRewrite"),
        ("delegate: {name: other}", "delegate"),
        (f"match: [{{uri: {{prefix: /}}, ignoreUriCase: true}}], rewrite: {{uri: /b}}, {ROUTE}", "rewrite.uri"),
        (f"rewrite: {{uri: 'no path'}}, {ROUTE}", "rewrite"),
        (f"rewrite: {{authority: 'no host'}}, {ROUTE}", "rewrite"),
        ("redirect: {uri: 'no path'}", "redirect"),
        (f"headers: {{request: {{add: {{host: a.test}}}}}}, {ROUTE}", "headers.request.add"),
        (f"headers: {{response: {{set: {{host: a.test}}}}}}, {ROUTE}", "headers.response.set"),
        (f"route: [{to(headers='{request: {set: {host: a.test}}}')}]", "route[0].headers.request.set"),
        (f"corsPolicy: {{allowOrigins: [{{exact: nowhere}}]}}, {ROUTE}", "corsPolicy"),
        (f"fault: {{abort: {{httpStatus: 1}}}}, {ROUTE}", "fault"),
        ("directResponse: {status: 204, body: {string: text}}", "directResponse"),
    ],
)
def test_a_rule_that_is_wrong_answers_500_and_says_where(rule: str, path: str) -> None:
    translation = told(f"{{{rule}}}", f"{{{ROUTE}}}")
    assert ask(translation.snapshot, TABLE).reason is Reason.NO_BACKEND
    [problem] = translation.problems
    assert (problem.path, problem.severity) == (f"spec.http[0].{path}", "error")
    assert problem.message.endswith("; the rule answers what it takes with 500")
    assert problem.line
    assert problem.hint


@pytest.mark.parametrize(
    ("match", "path"),
    [
        ("uri: {prefix: no-slash}", "uri"),
        ("method: {exact: get}", "method"),
        ("method: {prefix: X}", "method"),
    ],
)
def test_a_rule_whose_match_takes_nothing_is_left_out(match: str, path: str) -> None:
    translation = told(f"{{match: [{{{match}}}], redirect: {{uri: /never}}}}", f"{{{ROUTE}}}")
    assert ask(translation.snapshot, TABLE).cluster == REVIEWS
    errors = [problem for problem in translation.problems if problem.severity == "error"]
    assert [problem.path for problem in errors] == [f"spec.http[0].match[0].{path}"]
    assert errors[0].message.endswith("; the rule is left out")


@pytest.mark.parametrize(
    ("match", "path"),
    [
        ("uri: {regex: '('}", "uri"),
        ("headers: {x: {regex: '['}}", "headers.x"),
        ("queryParams: {x: {regex: '['}}", "queryParams.x"),
        ("method: {regex: '['}", "method"),
        ("scheme: {regex: '['}", "scheme"),
    ],
)
def test_rules_with_an_expression_that_nobody_understands_are_refused_when_they_are_read(match: str, path: str) -> None:
    """The one in question would leave what it is meant to take to the next one."""
    read = read_file(
        virtual_service(f"{{match: [{{{match}}}], redirect: {{uri: /never}}}}", f"{{{ROUTE}}}").encode(), "mesh.yaml"
    )
    assert [(error.path, error.severity) for error in read.errors] == [(f"spec.http[0].match[0].{path}.regex", "error")]
    assert read.objects == ()


@pytest.mark.parametrize("wrong", ["uri: {prefix: no-slash}", "method: {exact: ''}"])
def test_the_other_matches_of_a_rule_go_on(wrong: str) -> None:
    matches = f"{{uri: {{exact: /a}}}}, {{{wrong}}}, {{uri: {{exact: /b}}}}"
    translation = told(
        f"{{match: [{matches}], redirect: {{uri: /c}}}}", f"{{match: [{matches}], delegate: {{name: x}}}}", f"{{{ROUTE}}}"
    )
    assert [ask(translation.snapshot, TABLE, path).redirect is not None for path in ("/a", "/b", "/d")] == [True, True, False]
    assert ask(translation.snapshot, TABLE, "/d").cluster == REVIEWS
    outcomes = {problem.path: problem.message.rpartition("; ")[2] for problem in translation.problems}
    field = wrong.partition(":")[0]
    assert [outcomes[f"spec.http[{rule}].match[1].{field}"] for rule in (0, 1)] == ["the match is left out"] * 2
    assert outcomes["spec.http[1].delegate"] == "the rule answers what it takes with 500"


@pytest.mark.parametrize(
    ("rule", "path"),
    [
        (f"match: [{{scheme: {{exact: https}}}}], {ROUTE}", "match[0].scheme"),
        (f"match: [{{headers: {{URI: {{exact: a}}}}}}], {ROUTE}", "match[0].headers.URI"),
        (f"headers: {{request: {{set: {{x: 'a %REQ(y)% b'}}}}}}, {ROUTE}", "headers.request.set.x"),
        (f"retries: {{attempts: 26}}, {ROUTE}", "retries.attempts"),
        (f"retries: {{retryOn: 'reset,whenever'}}, {ROUTE}", "retries.retryOn"),
        (f"retries: {{retryRemoteLocalities: true}}, {ROUTE}", "retries.retryRemoteLocalities"),
        (f"retries: {{retryIgnorePreviousHosts: false}}, {ROUTE}", "retries.retryIgnorePreviousHosts"),
        (f"corsPolicy: {{allowOrigins: [{{prefix: 'https://a'}}]}}, {ROUTE}", "corsPolicy.allowOrigins[0]"),
        (f"corsPolicy: {{unmatchedPreflights: FORWARD}}, {ROUTE}", "corsPolicy.unmatchedPreflights"),
        (f"fault: {{delay: {{exponentialDelay: 1s}}}}, {ROUTE}", "fault.delay.exponentialDelay"),
        (f"fault: {{abort: {{http2Error: CANCEL}}}}, {ROUTE}", "fault.abort.http2Error"),
        (f"mirror: {{host: nobody}}, {ROUTE}", "mirror"),
    ],
)
def test_what_has_no_effect_is_told_and_the_rest_is_done(rule: str, path: str) -> None:
    translation = told(f"{{{rule}}}", f"{{{ROUTE}}}")
    assert ask(translation.snapshot, TABLE).cluster == REVIEWS
    [problem] = translation.problems
    assert (problem.path, problem.severity) == (f"spec.http[0].{path}", "warning")
    assert problem.hint


@pytest.mark.parametrize(
    ("more", "path", "severity"),
    [
        ("gateways: [web]", "spec.gateways[0]", "error"),
        ("gateways: [web, mesh]", "spec.gateways[0]", "warning"),
        ("tls: [{match: [{sniHosts: [a.test]}], route: [" + to() + "]}]", "spec.tls", "warning"),
        ("tcp: [{match: [{sourceSubnet: 10.0.0.0/8}], route: [" + to() + "]}]", "spec.tcp[0].match[0].sourceSubnet", "warning"),
        (
            "tcp: [{match: [{destinationSubnets: [all]}], route: [" + to() + "]}]",
            "spec.tcp[0].match[0].destinationSubnets[0]",
            "warning",
        ),
    ],
)
def test_what_is_not_done_beside_rules_for_requests(more: str, path: str, severity: str) -> None:
    translation = told(f"{{{ROUTE}}}", more=more)
    assert [(problem.path, problem.severity) for problem in translation.problems] == [(path, severity)]


def test_objects_without_hosts_or_rules_are_told() -> None:
    empty = """
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: empty}
spec: {}
"""
    found = Translator().translate(store_of(WORLD, empty), sidecar_node(outbound=OUTBOUND)).problems
    assert [problem.path for problem in found] == ["spec", "spec"]
