"""The pages of one's API tokens."""

import uuid
from datetime import timedelta

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from entrepot.accounts import actions
from entrepot.accounts.queries import tokens_of
from entrepot.accounts.sessions import Member, actor_of
from entrepot.accounts.tokens import Permission
from entrepot.config import Config
from entrepot.projects.people import names_of
from entrepot.projects.queries import projects_with_role
from entrepot.web.forms import NewToken


@require_safe
def index(request: Member) -> HttpResponse:
    """All tokens, and what each was last used for."""
    tokens = list(tokens_of(request.user))
    names = names_of({project for token in tokens for project in token.projects or []})
    rows = [(token, [names.get(project, "?") for project in token.projects or []]) for token in tokens]
    return render(request, "account/tokens.html", {"tokens": rows, "now": timezone.now()})


@require_http_methods(["GET", "HEAD", "POST"])
def create(request: Member) -> HttpResponse:
    """A form for a new token; then the token itself, this one time."""
    form = NewToken(projects_with_role(request.user), request.POST or None)
    if not form.is_valid():
        return render(request, "account/new_token.html", {"form": form})
    days = form.cleaned_data["days"]
    token = actions.create_token(
        request.user,
        by=actor_of(request, request.user),
        secret=Config.current().secret(),
        projects=[int(each) for each in form.cleaned_data["projects"]],
        permissions=[Permission(each) for each in form.cleaned_data["permissions"]],
        description=form.cleaned_data["description"],
        expires_at=timezone.now() + timedelta(days=days) if days else None,
        by_operator=False,
    )
    return render(request, "account/token.html", {"token": token, "url": Config.current().public_url})


@require_POST
def revoke(request: Member, identifier: uuid.UUID) -> HttpResponse:
    """Make a token invalid."""
    actions.revoke_token(identifier, of=request.user, by=actor_of(request, request.user))
    messages.success(request, _("The token is invalid from now on."))
    return redirect("account_tokens")
