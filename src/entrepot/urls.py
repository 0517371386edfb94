"""What Django answers. The read plane, in front of it, has answered for /simple/, /packages/ and the JSON documents."""

from allauth import urls as allauth
from django.urls import include, path, re_path

from entrepot.accounts.usernames import SPELLING
from entrepot.api import leaks
from entrepot.api.manage import api
from entrepot.api.upload import upload
from entrepot.api.xmlrpc import xmlrpc
from entrepot.moderation.site import site
from entrepot.web import (
    account,
    confirming,
    feeds,
    inside,
    language,
    old,
    operator,
    profile,
    project,
    project_settings,
    projects,
    registering,
    releases,
    removing,
    search,
    sitemaps,
    standing,
    statistics,
    tokens,
    wellknown,
)
from entrepot.web.bounces import bounces
from entrepot.web.changes import changes
from entrepot.web.classifiers import classifiers
from entrepot.web.design import design
from entrepot.web.images import image
from entrepot.web.status import status
from entrepot.web.views import front
from entrepot.web.whole import all_whole

urlpatterns = [
    path("", front, name="front"),
    path("api/v1/leaked-tokens", leaks.report, name="leaked-tokens"),
    path("api/v1/", api.urls),
    path("legacy/", upload, name="upload"),
    path("design/", design, name="design"),
    path("language/", language.choose, name="language"),
    path("account/", account.index, name="account"),
    path("account/whoami/", account.whoami, name="whoami"),
    path("account/password/remove/", account.give_up_password, name="account_give_up_password"),
    path("account/recovery-codes/", account.recovery, name="account_recovery"),
    path("account/tokens/", tokens.index, name="account_tokens"),
    path("account/tokens/new/", tokens.create, name="account_token_create"),
    path("account/tokens/<uuid:identifier>/revoke/", tokens.revoke, name="account_token_revoke"),
    path("account/new-browser/", confirming.wait, name="account_confirm_device"),
    path("account/new-browser/<str:token>/", confirming.confirm, name="account_confirm_device_link"),
    path("account/profile/", profile.edit, name="account_profile"),
    path("account/name/", profile.rename, name="account_name"),
    path("account/events/", profile.events, name="account_events"),
    path("account/export/", profile.export, name="account_export"),
    path("account/delete/", profile.delete, name="account_delete"),
    path("account/signup/", registering.signup, name="account_signup"),
    path("account/projects/", projects.index, name="projects"),
    path("account/projects/<str:name>/", projects.collaborators, name="project_people"),
    path("account/projects/<str:name>/releases/", releases.index, name="project_releases"),
    path("account/projects/<str:name>/releases/<str:version>/", releases.release, name="own_release"),
    path("account/projects/<str:name>/releases/<str:version>/files/", releases.files, name="project_files"),
    path("account/projects/<str:name>/releases/<str:version>/delete/", removing.release, name="project_release_delete"),
    path(
        "account/projects/<str:name>/releases/<str:version>/files/<str:filename>/delete/",
        removing.file,
        name="project_file_delete",
    ),
    path("account/projects/<str:name>/settings/", project_settings.settings, name="project_settings"),
    path("account/projects/<str:name>/delete/", removing.project, name="project_delete"),
    path("account/projects/<str:name>/events/", projects.events, name="project_events"),
    path("account/projects/<str:name>/invite/", projects.invite, name="project_invite"),
    path("account/projects/<str:name>/invited/<str:user>/", projects.revoke_invitation, name="project_uninvite"),
    path("account/projects/<str:name>/role/<str:user>/", projects.change_role, name="project_role"),
    path("account/projects/<str:name>/remove/<str:user>/", projects.remove_role, name="project_role_remove"),
    path("account/projects/<str:name>/transfer/<str:user>/", projects.transfer, name="project_transfer"),
    path("account/projects/<str:name>/leave/", projects.leave, name="project_leave"),
    path("account/projects/<str:name>/keys/", projects.ask_for_keys, name="project_keys"),
    path("account/projects/<str:name>/accept/", projects.accept, name="invitation_accept"),
    path("account/projects/<str:name>/decline/", projects.decline, name="invitation_decline"),
    path("admin/", site.urls),
    path("operator/record/", operator.record, name="operator_record"),
    path("account/", include(all_whole(allauth.urlpatterns))),
    path("mail/bounces/", bounces, name="bounces"),
    re_path(rf"^user/(?P<name>{SPELLING})/$", profile.show, name="user"),
    re_path(rf"^user/(?P<name>{SPELLING})/avatar\.svg$", profile.avatar, name="user_avatar"),
    re_path(r"^image/(?P<signature>[0-9a-f]{32})/(?P<address>(?:[0-9a-f]{2}){1,1500})$", image, name="image"),
    path("project/<str:name>/<str:version>/changes/", changes, name="changes"),
    path("project/<str:name>/<str:version>/files/<str:filename>/", inside.listing, name="inside"),
    path("project/<str:name>/<str:version>/files/<str:filename>/<path:path>", inside.member, name="inside_member"),
    path("project/<str:name>/", project.project, name="project"),
    path("project/<str:name>/history/", project.history, name="project_history"),
    path("project/<str:name>/dependents/", project.dependents, name="project_dependents"),
    path("project/<str:name>/<str:version>/", project.release, name="project_release"),
    path("search/", search.search, name="search"),
    path("search/suggestions/", search.suggestions, name="search_suggestions"),
    path("RPC2", xmlrpc, name="xmlrpc"),
    re_path("^pypi/?$", old.pypi, name="pypi"),
    re_path(r"^(?:pypi|p)/(?P<name>[^/]+)(?:/(?P<version>[^/]+))?/?$", old.project, name="old_project"),
    path("status/", status, name="status"),
    path("stats/", statistics.stats, name="stats"),
    re_path(rf"^badge/(?P<name>[^/]+)/(?P<kind>{'|'.join(statistics.BADGES)})\.svg$", statistics.badge, name="badge"),
    path("classifiers/", classifiers, name="classifiers"),
    path("help/", standing.page, {"name": "help"}, name="help"),
    path("security/", standing.page, {"name": "security"}, name="security"),
    path("policies/", standing.page, {"name": "policies"}, name="policies"),
    re_path(rf"^policies/(?P<name>{'|'.join(standing.POLICIES)})/$", standing.page, name="policy"),
    path("rss/packages.xml", feeds.packages, name="rss_packages"),
    path("rss/updates.xml", feeds.updates, name="rss_updates"),
    path("rss/project/<str:name>/releases.xml", feeds.releases, name="rss_releases"),
    path("sitemap.xml", sitemaps.index, name="sitemaps"),
    path("sitemap/<int:number>.xml", sitemaps.bucket, name="sitemap"),
    path("opensearch.xml", wellknown.opensearch, name="opensearch"),
    path("robots.txt", wellknown.robots, name="robots"),
    path(".well-known/security.txt", wellknown.security_txt, name="security_txt"),
    path(".well-known/change-password", wellknown.change_password, name="well_known_password"),
]
