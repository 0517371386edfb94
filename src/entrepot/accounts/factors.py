"""Second factors: what a person has to show besides a password, and the codes for when it is lost.

Keys and authenticator apps are django-allauth's rows. Recovery codes are ours: they are known by a keyed hash only.
"""

import secrets
import time
import unicodedata
from collections.abc import Sequence

from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value, yield_hotp_counters_from_time
from allauth.mfa.utils import decrypt
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from entrepot.accounts import record, sealing
from entrepot.accounts.actor import Actor
from entrepot.accounts.models import RecoveryCode, User
from entrepot.refusal import Refused

CODES = 8
STEP = 30  # seconds that a code of an authenticator app lives
FACTORS = [Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN]


def has_factor(user: User) -> bool:
    """Whether the user has an authenticator app or a security key."""
    return bool(Authenticator.objects.filter(user=user, type__in=FACTORS).exists())


def has_key(user: User) -> bool:
    """Whether the user has a security key or a passkey, which no imitation of the site gets an answer from."""
    return bool(Authenticator.objects.filter(user=user, type=Authenticator.Type.WEBAUTHN).exists())


def has_passkey(user: User, *, but: Authenticator | None = None) -> bool:
    """Whether the user can sign in with a key alone; `but`: with another one than this."""
    keys = Authenticator.objects.filter(user=user, type=Authenticator.Type.WEBAUTHN)
    return any(each.wrap().is_passwordless for each in keys if each != but)


@transaction.atomic
def give_up_password(user: User, *, by: Actor) -> None:
    """Let nobody sign in with a password, which a passkey makes superfluous. Raises Refused("no-passkey")."""
    if not has_passkey(user):
        raise Refused("no-passkey", _("Set up a passkey first: something has to open the account."))
    user.set_unusable_password()
    user.save(update_fields=["password"])
    record.note("password:remove", by=by, at=timezone.now(), user=user)


def check_removable(key: Authenticator) -> None:
    """Whether the account opens without the key. Raises Refused("last-passkey")."""
    user = key.user
    if not user.has_usable_password() and not has_passkey(user, but=key):
        raise Refused(
            "last-passkey",
            _("This passkey is all that opens your account. Add another one, or set a password, and then remove it."),
        )


def has_proven_codes(user: User) -> bool:
    """Whether the user has shown once that the recovery codes were kept, and still has some."""
    used = [each is not None for each in user.recovery_codes.values_list("used_at", flat=True)]
    return any(used) and not all(used)


def canonical(code: str) -> str:
    """A code as it is compared: without what people, and those who show it to them, put between its characters."""
    plain = unicodedata.normalize("NFKC", code)
    return "".join(each for each in plain if each.isascii() and each.isalnum()).lower()


@transaction.atomic
def accept_totp(user: User, code: str) -> Authenticator | None:
    """The user's authenticator app, when this is its code, and neither this one nor a later one was used before.

    One step of 30 seconds either way is allowed for clocks that differ (RFC 6238).
    """
    found = Authenticator.objects.select_for_update().filter(user=user, type=Authenticator.Type.TOTP).first()
    if found is None:
        return None
    secret = decrypt(found.data["secret"])
    for step in yield_hotp_counters_from_time():
        if secrets.compare_digest(format_hotp_value(hotp_value(secret, step)), code):
            if step <= found.data.get("last_step", 0):
                return None
            found.data["last_step"] = step
            found.save(update_fields=["data"])
            return found
    return None


def spend_codes(user: User) -> None:
    """Let no code of the authenticator app be used that it has shown until now: one of them has just set it up."""
    app = Authenticator.objects.get(user=user, type=Authenticator.Type.TOTP)
    app.data["last_step"] = int(time.time()) // STEP
    app.save(update_fields=["data"])


@transaction.atomic
def use_recovery_code(user: User, code: str, *, by: Actor) -> bool:
    """Use up a recovery code; whether it was one that had not been used."""
    unused = RecoveryCode.objects.filter(user=user, digest=_digest(user, code), used_at=None)
    if not unused.update(used_at=timezone.now()):
        return False
    left = user.recovery_codes.filter(used_at=None).count()
    record.note("recovery:use", by=by, at=timezone.now(), user=user, details={"left": left})
    return True


@transaction.atomic
def new_recovery_codes(user: User, *, by: Actor) -> Sequence[str]:
    """Codes of 64 bits each, in place of all earlier ones. They are shown now or never."""
    codes = [secrets.token_hex(8) for _ in range(CODES)]
    user.recovery_codes.all().delete()
    RecoveryCode.objects.bulk_create(RecoveryCode(user=user, digest=_digest(user, each)) for each in codes)
    record.note("recovery:generate", by=by, at=timezone.now(), user=user)
    return codes


def note_failure(user: User, *, by: Actor) -> None:
    """Record that a wrong code was given."""
    record.note("factor:fail", by=by, at=timezone.now(), user=user)


def note_lock(user: User, *, by: Actor) -> None:
    """Record, and so tell the person, that so many wrong codes were given that no more are taken for a day."""
    record.note("factor:locked", by=by, at=timezone.now(), user=user)


@transaction.atomic
def count_key(key: Authenticator, counter: int, *, by: Actor) -> bool:
    """Whether the key's counter of signatures has moved on, for keys that have one: else there is a copy of it.

    WebAuthn level 2, section 6.1.1.
    """
    held = Authenticator.objects.select_for_update().get(pk=key.pk)
    before = held.data.get("sign_count", held.wrap().authenticator_data.counter)
    if (before or counter) and counter <= before:
        record.note("factor:copied-key", by=by, at=timezone.now(), user=key.user, details={"key": held.wrap().name})
        return False
    held.data["sign_count"] = key.data["sign_count"] = counter
    held.save(update_fields=["data"])
    return True


@transaction.atomic
def reset(user: User, *, by: Actor, reason: str) -> None:
    """Take all second factors from an account, for somebody who has lost them: an operator's decision.

    Remembered browsers are forgotten: whoever comes next needs the password and the mailbox. `people.reset_factors`
    ends the sessions as well.
    """
    Authenticator.objects.filter(user=user).delete()
    user.recovery_codes.all().delete()
    user.devices.all().delete()
    record.note("factor:reset", by=by, at=timezone.now(), user=user, details={"reason": reason})


def _digest(user: User, code: str) -> str:
    return sealing.digest(f"recovery {user.pk}", canonical(code))
