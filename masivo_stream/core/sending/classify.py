"""Give every attempt exactly one outcome, by its status, phase and kind of body, never by the text of a message.

The table is total: every status from 100 on, every kind of body and every failure has an outcome. The question behind
each row is what is certain about the batch:

* it was applied: `Accepted`. That is 201, which the contract names, and not a class of statuses; what is close to it is
  accepted with a remark;
* nothing of it was applied, and it may be sent again: `Unreachable`, `Throttled`, `Unauthorized`, `TooLarge` (smaller);
* nothing of it was applied, and it will be refused again: `Refused`;
* nothing is certain: `InDoubt`. Whatever this table does not know is in doubt, for a doubt costs a person's time, a
  wrong guess costs records that are lost or count twice;
* the run cannot go on as configured: `Stop`.

Rows that are not obvious have their reason beside them. Sources: RFC 9110 section 15 for the meaning of the statuses;
the maintainers of gateways for what these really send after a request went through (Envoy issue 14981: a 503 when the
upstream connection ended after the request was delivered; Cloudflare's "5xx errors": which of its own codes mean that
the origin was never reached).
"""

from masivo_stream.core.pacing.rate_headers import wait_asked_for
from masivo_stream.core.sending.answer_body import FOREIGN_HINT, is_foreign, who_answered, whose
from masivo_stream.model import contract
from masivo_stream.model.attempt import (
    Accepted,
    Answer,
    Attempt,
    Body,
    Cause,
    Failure,
    InDoubt,
    Outcome,
    Refused,
    Stop,
    Throttled,
    TooLarge,
    Unauthorized,
    Unreachable,
)
from masivo_stream.model.errors import ExitCode

PROXY_WANTS = "the proxy requires credentials"
PROXY_HINT = "put them into the URL of the proxy setting"
"""What a 407 means (RFC 9110, section 15.5.8: it always comes from the proxy), and what to do about it."""


def classify(attempt: Attempt) -> Outcome:
    """Return the outcome of `attempt`."""
    match attempt:
        case Failure():
            return _failure(attempt)
        case Answer():
            return _answer(attempt)


def _failure(failure: Failure) -> Outcome:
    """Return the outcome of an attempt without an answer. In doubt as soon as one byte of the request may have left."""
    match failure.cause:
        case Cause.CERTIFICATE:
            return Stop(
                ExitCode.DENIED,
                "the server's certificate is not trusted",
                "check base_url, or name the certificate of the authority with ca_file",
            )
        case Cause.PROXY_AUTH:
            return Stop(ExitCode.DENIED, PROXY_WANTS, PROXY_HINT)
        case cause if failure.sent:
            return InDoubt(cause.value)
        case cause:
            return Unreachable(cause.value)


def _answer(answer: Answer) -> Outcome:
    """Return the outcome of an answer by its status: first what the API and others mean alike, then the rest."""
    status = answer.status
    if 200 <= status < 300:
        return _success(answer)
    if 300 <= status < 400:
        return _redirect(answer)
    by = whose(answer) if is_foreign(answer) else ""
    match status:
        case 401:
            # Also with a body of plain text, since servers behind a gateway answer so: a fresh token is tried anyway.
            return Unauthorized(
                by or ("401: the body of the answer cannot be read" if answer.body is Body.UNREAD else "")
            )
        case 413:  # from any server on the way: the smallest limit counts
            return TooLarge(by or _words(answer))
        case 429:
            return Throttled(wait_asked_for(answer), by)
        case 425:
            return Unreachable(by or "425: the server answers that it is too early")
        case 521 | 523 | 525 | 526:
            # Cloudflare's own: the origin refuses connections, has no route, or fails the TLS handshake.
            return Unreachable(by or f"{status}: the edge did not reach the API")
        case 503:
            # No proof that nothing was applied, not even with Retry-After: gateways send it after delivery, too
            # (Envoy).
            return InDoubt(by or "status 503", wait_asked_for(answer))
        case 407:
            return Stop(ExitCode.DENIED, f"407: {PROXY_WANTS}", PROXY_HINT)
        case 501:
            return Stop(ExitCode.DENIED, by, FOREIGN_HINT) if by else _refused_by_api(answer)
        case _ if 400 <= status < 500 and status != 408:
            return _refused_by_another(status, by) if by else _refused_by_api(answer)
        case _:
            # 408 often comes from a gateway although the request went through; a 5xx may come after the enqueue; 1xx as
            # a final answer and codes that the RFC does not know mean nothing certain.
            return InDoubt(by or f"status {status}")


def _refused_by_another(status: int, by: str) -> Outcome:
    """Return the outcome of a firewall's or proxy's page with a status of refusal."""
    # With these statuses firewalls reject the content of a request (406 is ModSecurity's), so a single record may be
    # the cause. All others are about the address or the sender.
    if status in (400, 403, 406, 409, 418, 422, 451):
        return Refused(status, by, foreign=True)
    return Stop(ExitCode.DENIED, by, FOREIGN_HINT)


def _refused_by_api(answer: Answer) -> Outcome:
    """Return the outcome of a 4xx or 501 of the API itself: it is about records (refused), or about all (stop)."""
    status = answer.status
    match status:
        case 400 | 409 | 422:
            return Refused(status, _words(answer), answer.error, answer.details, faults=answer.faults)
        case 403 if answer.body is Body.UNREAD:
            return Stop(
                ExitCode.DENIED,
                "403: the body of the answer cannot be read, so the answer may come from the API or from a firewall",
                "check the network, the proxy and base_url, then the API key's permissions",
            )
        case 403:
            return Stop(
                ExitCode.DENIED,
                "403: the account is not allowed to do this",
                "check the API key's permissions, and that the key belongs to this account",
            )
        case 404 | 405 | 406 | 415 | 501:
            return Stop(
                ExitCode.DENIED,
                f"{status}: the address does not accept migrations",
                "check base_url: the vendor's ends in /api/storefront/v1",
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
                f"{status}: this answer is not about a record",
                "look up the status: it is about the account, the address or the request, not about the export",
            )


def _success(answer: Answer) -> Outcome:
    """Return the outcome of a 2xx."""
    status = answer.status
    if status == contract.ENQUEUED_STATUS:
        return Accepted(_remark(answer), answer.date)
    if is_foreign(answer):
        return InDoubt(whose(answer), foreign=True)
    if status in contract.ACCEPTED_STATUSES_TOO and answer.body in {Body.EMPTY, Body.OBJECT}:
        return Accepted(f"status {status} instead of 201", answer.date)
    # 206, 207 and 208 are about parts of a request; a list, a report of errors or an unreadable body may hold refusals
    # of single records.
    return InDoubt(f"status {status} instead of 201, with {answer.body}", unclear=True)


def _remark(answer: Answer) -> str:
    """Return what is odd about a 201; empty if nothing is."""
    match answer.body:
        case Body.PAGE | Body.ERRORS:
            return f"status 201 with {answer.body}"
        case _:
            return "" if answer.complete else "the body of the answer was cut off"


def _redirect(answer: Answer) -> Stop:
    # A redirect is never followed: key, token and personal data would go to another origin. 303 after a POST means
    # "done, look there", and servers use 302 for it as well, so after these two the batch may have been applied.
    status = answer.status
    by = f" ({who_answered(answer)})" if is_foreign(answer) and who_answered(answer) else ""
    return Stop(
        ExitCode.DENIED,
        f"{status}: the server redirects{by}",
        "set base_url to the real address of the API, or sign in to the network if it asks for that: redirects are"
        " never followed",
        in_doubt=status in (302, 303),
    )


def _words(answer: Answer) -> str:
    return ": ".join(text for text in (answer.error, answer.details) if text) or f"status {answer.status}"
