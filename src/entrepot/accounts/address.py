"""Where a request comes from."""

from ipaddress import ip_address, ip_network

from django.http import HttpRequest

from entrepot.config import Config


def address_of(request: HttpRequest) -> str | None:
    """The IP address of the client, as `address_from` has it."""
    return address_from(request.headers.get("X-Forwarded-For", ""), request.META.get("REMOTE_ADDR", ""))


def address_from(forwarded: str, peer: str) -> str | None:
    """The IP address of the client; None when nobody says it. `peer` is who has connected to us.

    As many proxies as ENTREPOT_PROXIES says stand in front, and each adds whom it heard to X-Forwarded-For. What is
    left of these was written by the client itself, and says nothing.
    """
    proxies = Config.current().proxies
    heard = [*forwarded.split(","), peer]
    try:
        return str(ip_address(heard[-1 - proxies].strip())) if proxies < len(heard) else None
    except ValueError:
        return None


def household(address: str | None) -> str:
    """Whom to count as one: an IPv4 address; of IPv6, where everybody has many, the network that one customer has."""
    given = ip_address(address or "::")
    return str(given if given.version == 4 else ip_network((given, 64), strict=False))
