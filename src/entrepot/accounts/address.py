"""Where a request comes from."""

from ipaddress import ip_address

from django.http import HttpRequest

from entrepot.config import Config


def address_of(request: HttpRequest) -> str | None:
    """The IP address of the client; None when nobody says it.

    As many proxies as ENTREPOT_PROXIES says stand in front, and each adds whom it heard to X-Forwarded-For. What is
    left of these was written by the client itself, and says nothing.
    """
    proxies = Config.current().proxies
    heard = [*request.headers.get("X-Forwarded-For", "").split(","), request.META.get("REMOTE_ADDR", "")]
    try:
        return str(ip_address(heard[-1 - proxies].strip())) if proxies < len(heard) else None
    except ValueError:
        return None
