"""The pages of whoever operates the index, for superusers who have shown a security key."""

from functools import partial

from django.http import HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from entrepot.accounts.queries import all_token_names, everything, user_named
from entrepot.accounts.sessions import Member
from entrepot.projects.queries import index_at_root, project_named
from entrepot.web.telling import before_in, earlier_than, rows

AT_ONCE = 50  # events on a page


@require_safe
def record(request: Member) -> HttpResponse:
    """All that was done, by whom, by what right and from where, the newest first; as JSON with `?format=json`.

    `?user=` and `?project=` name whom or what it is about.
    """
    user, project = request.GET.get("user", "").strip(), request.GET.get("project", "").strip()
    ask = partial(
        everything,
        user=user_named(user) if user else None,
        project=project_named(index_at_root(), project).pk if project else None,
    )
    told = ask(before=before_in(request), limit=AT_ONCE)
    if request.GET.get("format") == "json":
        return JsonResponse({"events": told})
    shown = {
        "events": rows(told, all_token_names(told)),
        "earlier": earlier_than(told, ask),
        "user_name": user,
        "project": project,
    }
    return render(request, "operator/record.html", shown)
