"""What Django answers. The read plane, in front of it, has answered for /simple/, /packages/ and the JSON documents."""

from django.urls import include, path, re_path

from entrepot.accounts.usernames import SPELLING
from entrepot.api import leaks
from entrepot.api.manage import api
from entrepot.api.upload import upload
from entrepot.web import account, confirming, profile, registering, tokens
from entrepot.web.bounces import bounces
from entrepot.web.status import status
from entrepot.web.views import front

urlpatterns = [
    path("", front, name="front"),
    path("api/v1/leaked-tokens", leaks.report, name="leaked-tokens"),
    path("api/v1/", api.urls),
    path("legacy/", upload, name="upload"),
    path("account/", account.index, name="account"),
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
    path("account/", include("allauth.urls")),
    path("mail/bounces/", bounces, name="bounces"),
    re_path(rf"^user/(?P<name>{SPELLING})/$", profile.show, name="user"),
    re_path(rf"^user/(?P<name>{SPELLING})/avatar\.svg$", profile.avatar, name="user_avatar"),
    path("status/", status, name="status"),
]
