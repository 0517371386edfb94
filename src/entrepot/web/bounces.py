"""Where whoever sends our mail says that some came back: signed messages, as Standard Webhooks has them.

There is one key, in the settings: none is named by a message, and nothing is fetched because of one.
"""

import hashlib
import hmac
import re
import time
from base64 import b64encode

from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST
from pydantic import BaseModel, Field, ValidationError

from entrepot.accounts.limits import COUNTING, Limit
from entrepot.accounts.unverifying import Bounce, bounced
from entrepot.api import problems
from entrepot.config import Config
from entrepot.refusal import Refused

WINDOW = 5 * 60  # seconds by which the clock of the sender may differ, and after which a message is too old
ONCE = Limit("bounce-id", 1, 2 * WINDOW)


class Message(BaseModel):
    """What came back, and how."""

    address: str = Field(max_length=254)
    kind: Bounce


@csrf_exempt
@require_POST
def bounces(request: HttpRequest) -> HttpResponse:
    """Take one message, and each only once: 204. Without a key in the settings there is nothing here."""
    key = Config.current().bounce_key()
    if not key:
        raise Http404
    try:
        _check(request, key)
        message = _read(request.body)
        with transaction.atomic():  # what fails half-way may come again
            if COUNTING.spend(ONCE, hashlib.sha256(request.headers["webhook-id"].encode()).hexdigest()).admitted:
                bounced(message.address, message.kind, at=timezone.now())
    except Refused as refusal:
        return problems.answer(problems.PROBLEM, refusal)
    return HttpResponse(status=204)


def _check(request: HttpRequest, key: bytes) -> None:
    """Raises Refused("not-signed") unless the message is signed with the key, and of these minutes."""
    name, at = request.headers.get("webhook-id", ""), request.headers.get("webhook-timestamp", "")
    signed = hmac.digest(key, f"{name}.{at}.".encode() + request.body, hashlib.sha256)
    wanted = f"v1,{b64encode(signed).decode()}".encode()
    given = request.headers.get("webhook-signature", "").encode().split()
    if not any([hmac.compare_digest(each, wanted) for each in given]):  # noqa: C419 - all of them, whichever fits
        raise Refused("not-signed", "The message is not signed with the key that ENTREPOT_BOUNCE_SECRET names.")
    if not (name and re.fullmatch("[0-9]{1,12}", at)) or abs(time.time() - int(at)) > WINDOW:
        raise Refused("not-signed", f"The message has no id, or is not of the last {WINDOW // 60} minutes.")


def _read(body: bytes) -> Message:
    """Raises Refused("invalid-request")."""
    try:
        return Message.model_validate_json(body)
    except ValidationError as error:
        raise Refused(
            "invalid-request", 'The body is not {"address": "…", "kind": "hard", "soft" or "complaint"}.'
        ) from error
