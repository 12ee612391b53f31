"""What gunicorn serves: the application, with this process's settings."""

from __future__ import annotations

import os
import sys

from app.http.services import EXTENSION
from app.server.factory import create_app
from app.settings.environment import SettingsError, load_settings
from app.settings.logs import configure_logging
from app.stack.command_errors import CommandError
from app.stack.endpoints import resolve, with_keys

try:
    _settings = load_settings(os.environ)
    configure_logging(_settings.log_level, _settings.log_format)
    _endpoints = resolve(_settings)
except (SettingsError, CommandError) as error:
    sys.exit(str(error))
application = create_app(with_keys(_settings, _endpoints), _endpoints.database_url, _endpoints.redis_url)
application.extensions[EXTENSION].pool_watch.keep_looking()
