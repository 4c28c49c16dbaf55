"""Whose answer is it? The API speaks JSON. A page or a text is from something else: a firewall, a proxy, a login page.

Such an answer says nothing about the key or about a record in the API's eyes, whatever its status. Who has answered is
told by the headers that its operators ask for, never by its text.
"""

from masivo_stream.model.attempt import Answer, Body

FOREIGN_HINT = "something between here and the API answers in its place: check network, proxy and base_url"


def is_foreign(answer: Answer) -> bool:
    """Return whether something else than the API has answered: a page or a text. What cannot be read is not judged."""
    return answer.body in {Body.PAGE, Body.TEXT}


def who_answered(answer: Answer) -> str:
    """Return the headers that tell who has answered; nothing where there are none."""
    return ", ".join(filter(None, (answer.server and f"Server: {answer.server}", answer.trace)))


def whose(answer: Answer) -> str:
    """Return who gave a foreign answer, in words that begin with its status."""
    who = "a firewall, proxy or login page" if answer.status < 300 else "a firewall or proxy"
    named = who_answered(answer)
    return f"{answer.status} from {who}{f' ({named})' if named else ''}, not from the API"
