"""Check the endpoint that the environment names: the library panics at one that is no URL, and retries one in vain."""

import re
from collections.abc import Mapping

from masivo_stream.model.errors import ConfigurationError

_ENDPOINTS = {
    "s3": ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"),
    "gs": ("GOOGLE_BASE_URL",),
    "az": ("AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT"),
}
"""The variables in which the library looks for the endpoint of a scheme."""
_ALLOW = {"s3": "AWS_ALLOW_HTTP", "gs": "GOOGLE_ALLOW_HTTP", "az": "AZURE_ALLOW_HTTP"}
_ENDPOINT = re.compile(r"(?i:(?P<scheme>https?)://(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:[0-9]{1,5})?(/[!-~]*)?)")
_OPERATION = "open object storage"


def check_endpoint(scheme: str, environment: Mapping[str, str], *, allow_http: bool) -> None:
    """Check the variables of a scheme. Their values are not shown: an endpoint may hold a password.

    Raises:
        ConfigurationError: one is no URL, or has no TLS although that is not allowed.
    """
    for name in _ENDPOINTS.get(scheme, ()):
        if name not in environment:
            continue
        found = _ENDPOINT.fullmatch(environment[name])
        if found is None:
            raise ConfigurationError(
                f"{name} is not a URL",
                operation=_OPERATION,
                place=name,
                hint="write http://HOST:PORT or https://HOST into it, without a user or a password, or unset it",
            )
        if found["scheme"].lower() == "http" and not allow_http:
            raise ConfigurationError(
                "the endpoint is http://, without TLS, which has to be allowed",
                operation=_OPERATION,
                place=name,
                hint=f"set {_ALLOW[scheme]}=true, or write https://HOST",
            )
