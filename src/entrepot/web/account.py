"""The pages about one's own account."""

from collections.abc import Sequence
from functools import partial

from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from entrepot.accounts import factors
from entrepot.accounts.sessions import Member, actor_of
from entrepot.projects import managing, queries
from entrepot.web import wanted
from entrepot.web.forms import ProveCode


@require_safe
def index(request: Member) -> HttpResponse:
    """Everything about the account, and what is still to be done to keep it safe."""
    user = request.user
    safe = {"has_factor": factors.has_factor(user), "has_codes": factors.has_proven_codes(user)}
    projects, invitations = managing.counts_for(user)
    safe["can_give_up_password"] = user.has_usable_password() and factors.has_passkey(user)
    return render(request, "account/index.html", {**safe, "projects": projects, "invitations": invitations})


@require_safe
def whoami(request: HttpRequest) -> JsonResponse:
    """Who is signed in, for the scripts of pages that are the same for everybody; and what they do in a `project`."""
    user = request.user
    if not user.is_authenticated:
        return JsonResponse({"name": None, "role": None})
    return JsonResponse(
        {"name": user.username, "role": queries.role_in(user, request.GET.get("project", "").replace("\0", ""))}
    )


@require_POST
def give_up_password(request: Member) -> HttpResponse:
    """Do without a password: a passkey is enough."""
    factors.give_up_password(request.user, by=actor_of(request, request.user))
    update_session_auth_hash(request, request.user)  # the other sessions end
    messages.success(request, _("Your account has no password any more."))
    return redirect("account")


@require_http_methods(["GET", "HEAD", "POST"])
def recovery(request: Member) -> HttpResponse:
    """Make recovery codes, which are shown once, and show that they were kept, by using one."""
    by = actor_of(request, request.user)
    codes: Sequence[str] = ()
    form = ProveCode(
        partial(factors.use_recovery_code, request.user, by=by), request.POST if "code" in request.POST else None
    )
    if request.method == "POST" and "code" not in request.POST:
        codes = factors.new_recovery_codes(request.user, by=by)
    elif request.method == "POST" and form.is_valid():
        return redirect(wanted.take(request, "account"))
    left = request.user.recovery_codes.filter(used_at=None).count()
    context = {"codes": codes, "form": form, "left": left, "proven": factors.has_proven_codes(request.user)}
    return render(request, "account/recovery.html", context)
