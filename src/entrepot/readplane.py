"""The read plane alone, as an ASGI application: it needs a store, and neither a database nor Django.

What it does not own is answered with 404.
"""

from entrepot import layout
from entrepot.config import Config
from entrepot.edge.app import Edge
from entrepot.edge.downloads import DownloadLog
from entrepot.layout import Form
from entrepot.monitoring import logs
from entrepot.monitoring.observed import Observed
from entrepot.monitoring.operations import Operations
from entrepot.monitoring.recent import Recent
from entrepot.monitoring.telemetry import start


def _application(config: Config) -> Observed:
    logs.configure(config.log)
    store = config.store()
    downloads = DownloadLog(config.downloads_noted_in)
    edge = Edge(store, downloads=downloads)
    answers = Recent[object](lambda: store.stamp(layout.project_list(Form.JSON).key))
    operations = Operations({"store": answers}, list, config.metrics_token)
    return Observed(edge, at_once=edge.at_once, operations=operations, telemetry=start(config), downloads=downloads)


application = _application(Config.current())
