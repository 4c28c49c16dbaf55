"""Give every attempt exactly one outcome, from status codes and phases alone, never from the text of a message.

Total over all statuses and failures. Where a row is not obvious, its reason stands beside it. Sources: RFC 9110
section 15 for the codes' meanings; what gateways really send after a request went through is from their maintainers
(Envoy issue 14981: a 503 when the upstream connection ended after the request was delivered).
"""

from masivo_stream.core.allowance import wait_asked_for
from masivo_stream.model.attempt import Answer, Attempt, Cause, Failure
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
            return Stop(ExitCode.DENIED, "the proxy wants credentials", "put them into the proxy setting's URL")
        case cause if failure.sent:
            return InDoubt(cause.value)
        case cause:
            return Unreachable(cause.value)


def _answer(answer: Answer) -> Outcome:
    status = answer.status
    if 200 <= status < 300:
        return _success(answer)
    if 300 <= status < 400:
        return _redirect(status)
    match status:
        case 400 | 409 | 422:
            return Refused(status, _words(answer), answer.error, answer.details)
        case 401:
            return Unauthorized()
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
        case 407:
            return Stop(ExitCode.DENIED, "407: the proxy wants credentials", "put them into the proxy setting's URL")
        case 411 | 431:
            return Stop(
                ExitCode.BUG,
                f"{status}: the request is malformed",
                "please report this; nothing was sent twice",
            )
        case 413:
            return TooLarge(_words(answer))
        case 425:
            return Unreachable("425: asked to come again")
        case 429:
            return Throttled(wait_asked_for(answer))
        case 503:
            # Not proof that nothing was applied, even with Retry-After: gateways send it after delivery, too.
            return InDoubt("status 503", wait_asked_for(answer))
        case _ if 400 <= status < 500 and status != 408:
            return Stop(
                ExitCode.DENIED,
                f"{status}: not an answer to a record",
                "look the status up; it speaks of the account, the address or the request, not of the export",
            )
        case _:
            # 408 is often a gateway's, sent although the request went through; 5xx may fail after the enqueue;
            # 1xx as a final answer and codes beyond the RFC say nothing.
            return InDoubt(f"status {status}")


def _success(answer: Answer) -> Outcome:
    if answer.html:
        return InDoubt(f"status {answer.status} with a web page, which the API never sends", foreign=True)
    if answer.status != 201:
        return Accepted(f"status {answer.status} instead of 201", answer.date)
    return Accepted("" if answer.complete else "the answer's body was cut", answer.date)


def _redirect(status: int) -> Stop:
    # Never followed: key, token and personal data would leave the origin. 303 after POST means "done, look there",
    # and 302 is used for it, so there the batch may have been applied.
    return Stop(
        ExitCode.DENIED,
        f"{status}: the server redirects",
        "set base_url to the address the API really has; redirects are never followed",
        in_doubt=status in (302, 303),
    )


def _words(answer: Answer) -> str:
    return ": ".join(text for text in (answer.error, answer.details) if text) or f"status {answer.status}"
