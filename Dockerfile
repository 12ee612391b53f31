# One image for API, workers, dispatcher and migrations (target `app`), and a small one for rq-dashboard.
FROM python:3.11-slim AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
# Without pip: what runs needs none, so the build's own pip installs into it.
RUN ["python", "-m", "venv", "--without-pip", "/venv"]
COPY requirements.lock /build/requirements.lock
RUN ["python", "-m", "pip", "--python", "/venv/bin/python", "install", "--require-hashes", "--requirement", "/build/requirements.lock"]

# Beside the application, never in it: see the service `dashboard` in docker-compose.yml.
FROM build AS build-dashboard
COPY requirements-dashboard.lock /build/requirements-dashboard.lock
RUN ["python", "-m", "venv", "--without-pip", "--clear", "/venv"]
RUN ["python", "-m", "pip", "--python", "/venv/bin/python", "install", "--require-hashes", "--requirement", "/build/requirements-dashboard.lock"]

FROM python:3.11-slim AS base
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
# The base image's own pip, and the copy that `ensurepip` would install.
RUN ["python", "-m", "pip", "uninstall", "--yes", "pip", "setuptools", "wheel"]
RUN ["rm", "-r", "/usr/local/lib/python3.11/ensurepip"]
RUN ["groupadd", "--gid", "10001", "sluice"]
RUN ["useradd", "--uid", "10001", "--gid", "10001", "--no-create-home", "--shell", "/usr/sbin/nologin", "sluice"]

FROM base AS dashboard
COPY --from=build-dashboard /venv /venv
USER 10001:10001
EXPOSE 9181
CMD ["rq-dashboard"]

FROM base AS files
COPY --from=build /venv /venv
WORKDIR /srv/sluice
COPY schemas schemas
COPY db db
COPY workers workers
COPY app app
# The containers' root is read-only, so what Python would cache on the first start is made now.
RUN ["python", "-m", "compileall", "-q", "schemas", "db", "workers", "app"]

# The same with pg_dump and pg_restore, which nobody but `backup` and `restore` needs. Not older than the server in
# docker-compose.yml, so from PostgreSQL's own packages.
FROM files AS backup
RUN ["apt-get", "update"]
RUN ["apt-get", "install", "--yes", "--no-install-recommends", "postgresql-common", "ca-certificates"]
RUN ["/usr/share/postgresql-common/pgdg/apt.postgresql.org.sh", "-y"]
RUN ["apt-get", "install", "--yes", "--no-install-recommends", "postgresql-client-17"]
RUN ["install", "--directory", "--owner=10001", "--group=10001", "--mode=0700", "/backups"]
USER 10001:10001
ENTRYPOINT ["python", "-m", "app"]
CMD ["backup", "--help"]

FROM files AS app
USER 10001:10001
EXPOSE 8000
CMD ["python", "-m", "gunicorn", "app.server.wsgi:application", "-c", "app/server/gunicorn_conf.py"]
