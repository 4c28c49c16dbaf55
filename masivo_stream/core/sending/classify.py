"""Give every attempt exactly one outcome, from status, phase and kind of body alone, never from the text of a message.

Total over all statuses, bodies and failures. Where a row is not obvious, its reason stands beside it. Sources: RFC 9110
section 15 for the codes' meanings; what gateways really send after a request went through is from their maintainers
(Envoy issue 14981: a 503 when the upstream connection ended after the request was delivered; Cloudflare's "5xx errors":
which of its own codes mean that the origin was never reached).

Acceptance is what the contract names, 201, and not a class of statuses; what is close to it is accepted with a remark.
"""

from masivo_stream.core.pacing.rate_headers import wait_asked_for
from masivo_stream.core.sending.answered_by import FOREIGN_HINT, is_foreign, who_answered, whose
from masivo_stream.model import contract
from masivo_stream.model.attempt import Answer, Attempt, Body, Cause, Failure
from masivo_stream.model.errors import ExitCode
from masivo_stream.model.outcome import (
    Accepted,
    InDoubt,
    Outcome,
    Refused,
    Stop,
    Throttled,
    TooLarge,
    Unauthorized,
    Unreachable,
)

PROXY_WANTS = "the proxy wants credentials"
PROXY_HINT = "put them into the proxy setting's URL"
"""What a status 407 says (RFC 9110, section 15.5.8: it is always the proxy's), and what is done about it."""


def classify(attempt: Attempt) -> Outcome:
    """Return what `attempt` came to."""
    match attempt:
        case Failure():
            return _failure(attempt)
        case Answer():
            return _answer(attempt)


def _failure(failure: Failure) -> Outcome:
    match failure.cause:
        case Cause.CERTIFICATE:
            return Stop(
                ExitCode.DENIED,
                "the server's certificate is not trusted",
                "check base_url, or name the authority's certificate with ca_file",
            )
        case Cause.PROXY_AUTH:
            return Stop(ExitCode.DENIED, PROXY_WANTS, PROXY_HINT)
        case cause if failure.sent:
            return InDoubt(cause.value)
        case cause:
            return Unreachable(cause.value)


def _answer(answer: Answer) -> Outcome:
    status = answer.status
    if 200 <= status < 300:
        return _success(answer)
    if 300 <= status < 400:
        return _redirect(answer)
    by = whose(answer) if is_foreign(answer) else ""
    match status:
        case 401:
            # A server behind the gateway may say this in a word of text, too: a fresh token is tried in any case.
            return Unauthorized(by or ("401: the answer's body cannot be read" if answer.body is Body.UNREAD else ""))
        case 413:  # by whoever has the smallest limit on the way
            return TooLarge(by or _words(answer))
        case 429:
            return Throttled(wait_asked_for(answer), by)
        case 425:
            return Unreachable(by or "425: asked to come again")
        case 521 | 523 | 525 | 526:
            # Cloudflare: the origin refuses connections, is not routed to, or fails the TLS handshake.
            return Unreachable(by or f"{status}: the edge did not reach the API")
        case 503:
            # Not proof that nothing was applied, even with Retry-After: gateways send it after delivery, too.
            return InDoubt(by or "status 503", wait_asked_for(answer))
        case 407:
            return Stop(ExitCode.DENIED, f"407: {PROXY_WANTS}", PROXY_HINT)
        case 501:
            return Stop(ExitCode.DENIED, by, FOREIGN_HINT) if by else _denied(answer)
        case _ if 400 <= status < 500 and status != 408:
            return _refused_by_another(status, by) if by else _denied(answer)
        case _:
            # 408 is often a gateway's, sent although the request went through; 5xx may fail after the enqueue;
            # 1xx as a final answer and codes beyond the RFC say nothing.
            return InDoubt(by or f"status {status}")


def _refused_by_another(status: int, by: str) -> Outcome:
    """Return what a page of a firewall or proxy in the place of a refusal comes to."""
    if status in (400, 403, 406, 409, 418, 422, 451):  # it may dislike one record; 406 is ModSecurity's
        return Refused(status, by, foreign=True)
    return Stop(ExitCode.DENIED, by, FOREIGN_HINT)


def _denied(answer: Answer) -> Outcome:
    """Return what an answer of the API's own that is neither an acceptance nor a trouble comes to."""
    status = answer.status
    match status:
        case 400 | 409 | 422:
            return Refused(status, _words(answer), answer.error, answer.details)
        case 403 if answer.body is Body.UNREAD:
            return Stop(
                ExitCode.DENIED,
                "403: the answer's body cannot be read, so it may be the API's or a firewall's",
                "check network, proxy and base_url, then the API key's permissions",
            )
        case 403:
            return Stop(
                ExitCode.DENIED,
                "403: the account may not do this",
                "check the API key's permissions and that it belongs to this account",
            )
        case 404 | 405 | 406 | 415 | 501:
            return Stop(
                ExitCode.DENIED,
                f"{status}: the address does not take migrations",
                "check base_url: it ends in /api/storefront/v1 at the vendor's",
            )
        case 411 | 431:
            return Stop(
                ExitCode.BUG,
                f"{status}: the request is malformed",
                "please report this; nothing was sent twice",
            )
        case _:
            return Stop(
                ExitCode.DENIED,
                f"{status}: not an answer to a record",
                "look the status up; it speaks of the account, the address or the request, not of the export",
            )


def _success(answer: Answer) -> Outcome:
    status = answer.status
    if status == contract.ENQUEUED_STATUS:
        return Accepted(_remark(answer), answer.date)
    if is_foreign(answer):
        return InDoubt(whose(answer), foreign=True)
    if status in contract.ACCEPTED_STATUSES_TOO and answer.body in {Body.EMPTY, Body.OBJECT}:
        return Accepted(f"status {status} instead of 201", answer.date)
    # 206, 207 and 208 speak of parts; a list, errors, or what nobody can read may hold refusals of single records.
    return InDoubt(f"status {status} instead of 201, with {answer.body}", unclear=True)


def _remark(answer: Answer) -> str:
    """Return what is odd about an answer that the contract names."""
    match answer.body:
        case Body.PAGE | Body.ERRORS:
            return f"status 201 with {answer.body}"
        case _:
            return "" if answer.complete else "the answer's body was cut"


def _redirect(answer: Answer) -> Stop:
    # Never followed: key, token and personal data would leave the origin. 303 after POST means "done, look there",
    # and 302 is used for it, so there the batch may have been applied.
    status = answer.status
    by = f" ({who_answered(answer)})" if is_foreign(answer) and who_answered(answer) else ""
    return Stop(
        ExitCode.DENIED,
        f"{status}: the server redirects{by}",
        "set base_url to the address the API really has, or sign in to the network that asks for it: redirects are"
        " never followed",
        in_doubt=status in (302, 303),
    )


def _words(answer: Answer) -> str:
    return ": ".join(text for text in (answer.error, answer.details) if text) or f"status {answer.status}"
