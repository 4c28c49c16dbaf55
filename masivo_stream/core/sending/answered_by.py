"""Who gave an answer? The API answers in JSON. A page or a text comes from a firewall, a proxy or a login page.

Whatever its status, such an answer does not mean that the API refuses the key or a record. Messages name the sender by
the headers with which its operators find the request again, never by the text of the page.
"""

from masivo_stream.model.attempt import Answer, Body

FOREIGN_HINT = "something between here and the API answers in its place: check network, proxy and base_url"


def is_foreign(answer: Answer) -> bool:
    """Return whether something else than the API has answered, by a page or a text. An unreadable body counts as no."""
    return answer.body in {Body.PAGE, Body.TEXT}


def who_answered(answer: Answer) -> str:
    """Return the headers that say who has answered; empty if it has no such headers."""
    return ", ".join(filter(None, (answer.server and f"Server: {answer.server}", answer.trace)))


def whose(answer: Answer) -> str:
    """Return a sentence about who gave a foreign answer; it begins with the status."""
    who = "a firewall, proxy or login page" if answer.status < 300 else "a firewall or proxy"
    named = who_answered(answer)
    return f"{answer.status} from {who}{f' ({named})' if named else ''}, not from the API"
