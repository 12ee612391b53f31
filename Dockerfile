# One image for API, workers, dispatcher and migrations (target `app`), and a small one for rq-dashboard.
FROM python:3.11-slim AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN ["python", "-m", "venv", "/venv"]
COPY requirements.txt /build/requirements.txt
RUN ["/venv/bin/pip", "install", "--requirement", "/build/requirements.txt"]

# Beside the application, never in it: see the service `dashboard` in docker-compose.yml.
FROM build AS build-dashboard
COPY requirements-dashboard.txt /build/requirements-dashboard.txt
RUN ["/venv/bin/pip", "install", "--requirement", "/build/requirements-dashboard.txt"]

FROM python:3.11-slim AS base
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
RUN ["groupadd", "--gid", "10001", "sluice"]
RUN ["useradd", "--uid", "10001", "--gid", "10001", "--no-create-home", "--shell", "/usr/sbin/nologin", "sluice"]

FROM base AS dashboard
COPY --from=build-dashboard /venv /venv
USER 10001:10001
EXPOSE 9181
CMD ["rq-dashboard"]

FROM base AS app
COPY --from=build /venv /venv
WORKDIR /srv/sluice
COPY schemas schemas
COPY db db
COPY workers workers
COPY app app
# The containers' root is read-only, so what Python would cache on the first start is made now.
RUN ["python", "-m", "compileall", "-q", "schemas", "db", "workers", "app"]
USER 10001:10001
EXPOSE 8000
CMD ["python", "-m", "gunicorn", "app.server.wsgi:application", "-c", "app/server/gunicorn_conf.py"]
