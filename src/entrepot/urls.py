"""What Django answers. The read plane, in front of it, has answered for /simple/, /packages/ and the JSON documents."""

from django.urls import path

from entrepot.api.manage import api
from entrepot.api.upload import upload
from entrepot.web.status import status
from entrepot.web.views import front

urlpatterns = [
    path("", front, name="front"),
    path("api/v1/", api.urls),
    path("legacy/", upload, name="upload"),
    path("status/", status, name="status"),
]
