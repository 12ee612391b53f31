"""Where PostgreSQL and Redis are: configured, or the embedded ones of a running `up`."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from app.settings.environment import Settings
from app.stack.checks import web_url
from app.stack.command_errors import CommandError, NotRunning
from app.stack.embedded.postgres import EmbeddedPostgres
from app.stack.embedded.redis import EmbeddedRedis
from app.stack.embedded.secrets import read_secrets
from app.stack.state import current, is_held, read_running

__all__ = ["CommandError", "Endpoints", "NotRunning", "api_url", "of_embedded", "resolve", "with_keys"]


@dataclass(frozen=True, slots=True)
class Endpoints:
    """URLs with their passwords, and the keys of stored values. None: not configured."""

    database_url: str = field(repr=False)
    migration_database_url: str | None = field(repr=False)
    superuser_database_url: str | None = field(repr=False)
    redis_url: str = field(repr=False)
    secret_key: str | None = field(repr=False)
    secret_key_old: tuple[str, ...] = field(repr=False, default=())
    email_hash_key: str | None = field(repr=False, default=None)

    def require_secret_key(self) -> str:
        """Raises CommandError if the process was started without one."""
        if self.secret_key is None:
            raise CommandError("SECRET_KEY must be set: it encrypts platform credentials")
        return self.secret_key


def resolve(settings: Settings) -> Endpoints:
    """Raises NotRunning if no servers are configured and no `up` runs on DATA_DIR."""
    configured = of_configured(settings)
    if configured is not None:
        return configured
    current(settings.data_dir)
    return of_embedded(settings, EmbeddedPostgres(settings.data_dir), EmbeddedRedis(settings.data_dir))


def api_url(settings: Settings) -> str:
    """The API's URL: of the running `up`, else as the settings have it."""
    running = read_running(settings.data_dir) if is_held(settings.data_dir) else None
    return running.url if running else web_url(settings.host, settings.port)


def of_configured(settings: Settings) -> Endpoints | None:
    # Settings of servers come in pairs, which `load_settings` checks.
    if settings.database_url is None or settings.redis_url is None:
        return None
    return Endpoints(
        database_url=settings.database_url,
        migration_database_url=settings.migration_database_url,
        superuser_database_url=None,
        redis_url=settings.redis_url,
        secret_key=settings.secret_key,
        secret_key_old=settings.secret_key_old,
        email_hash_key=settings.email_hash_key,
    )


def of_embedded(settings: Settings, postgres: EmbeddedPostgres, redis: EmbeddedRedis) -> Endpoints:
    """The endpoints of embedded servers that have been started at least once."""
    kept = read_secrets(settings.data_dir)
    if kept is None:
        raise CommandError(f"{settings.data_dir}/secrets.json is missing: restore it, or delete {settings.data_dir}")
    return Endpoints(
        database_url=postgres.app_url(),
        migration_database_url=postgres.owner_url(),
        superuser_database_url=postgres.superuser_url(),
        redis_url=redis.url,
        secret_key=settings.secret_key or kept.secret_key,
        secret_key_old=(*settings.secret_key_old, *kept.secret_keys_old),
        email_hash_key=settings.email_hash_key or kept.email_hash_key,
    )


def with_keys(settings: Settings, endpoints: Endpoints) -> Settings:
    """The settings with the keys of these servers: an embedded installation has its own in DATA_DIR."""
    return replace(
        settings,
        secret_key=endpoints.secret_key,
        secret_key_old=endpoints.secret_key_old,
        email_hash_key=endpoints.email_hash_key,
    )
