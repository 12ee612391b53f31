"""The production files hold together: commands, ports, variables, files and safeguards; no Docker needed to know it."""

from __future__ import annotations

import json
import re
from fnmatch import fnmatch
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.__main__ import build_parser
from app.settings.environment import load_settings
from tests.support.paths import ROOT

TEXT = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
NGINX: str = COMPOSE["configs"]["nginx"]["content"].replace("$$", "$")
OURS = ("api", "worker", "dispatcher", "migrate")
SERVING = ("api", "worker", "dispatcher")
ONE_SHOT = ("migrate",)
VARIABLE = re.compile(r"(?<!\$)\$\{([A-Z_]+)(?:(:[-?])([^}]*))?\}")
INTERPOLATED = [name for name, _how, _rest in VARIABLE.findall(TEXT)]


def dockerfile() -> dict[str, list[tuple[str, str]]]:
    """The instructions of each stage by its name, in order."""
    stages: dict[str, list[tuple[str, str]]] = {}
    current: list[tuple[str, str]] = []
    for line in (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ").splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        instruction, _, rest = line.strip().partition(" ")
        if instruction == "FROM":
            current = stages.setdefault(rest.split(" AS ")[1], [])
        current.append((instruction, rest))
    return stages


STAGES = dockerfile()


def lineage(stage: str) -> list[tuple[str, str]]:
    """A stage's instructions after those of the stages it is built on."""
    parent = STAGES[stage][0][1].split()[0]
    return [*(lineage(parent) if parent in STAGES else []), *STAGES[stage]]


def last(stage: str, instruction: str) -> str:
    return [rest for name, rest in lineage(stage) if name == instruction][-1]


def filled(value: str) -> str:
    """The value as Compose hands it over, with a secret of 64 digits where one is required."""
    return VARIABLE.sub(lambda found: found[3] if found[2] == ":-" else "5" * 64, value).replace("$$", "$")


def environment(service: str) -> dict[str, str]:
    return {name: filled(value) for name, value in SERVICES[service].get("environment", {}).items()}


def seconds(duration: str) -> int:
    return int(re.fullmatch(r"(\d+)s", duration)[1])  # type: ignore[index]


def directive(name: str) -> str:
    """The value of an nginx directive that stands once."""
    [value] = re.findall(rf"^\s*{name}\s+([^;]+);", NGINX, re.MULTILINE)
    return str(value)


def our_commands() -> list[list[str]]:
    """What our containers run, health checks included, without the leading `python -m`."""
    commands = [SERVICES[name]["command"] for name in OURS]
    commands += [SERVICES[name]["healthcheck"]["test"][1:] for name in ("worker", "dispatcher")]
    commands.append(json.loads(last("app", "CMD")))
    assert all(command[:2] == ["python", "-m"] for command in commands)
    return [command[2:] for command in commands]


@pytest.mark.parametrize("command", our_commands(), ids=" ".join)
def test_every_command_exists(command: list[str]) -> None:
    assert find_spec(command[0]) is not None
    if command[0] == "app":
        assert build_parser().parse_args(command[1:]).run


def test_gunicorn_finds_the_application_and_its_settings() -> None:
    for command in our_commands():
        if command[0] == "gunicorn":
            module, name = command[1].split(":")
            source = (ROOT / f"{module.replace('.', '/')}.py").read_text(encoding="utf-8")
            assert re.search(rf"^{name}\b", source, re.MULTILINE)
            assert (ROOT / command[command.index("-c") + 1]).is_file()


def test_every_port_is_the_same_on_both_sides() -> None:
    port = environment("api")["PORT"]
    assert re.findall(r"server api:(\d+)", NGINX) == [port]
    assert last("app", "EXPOSE") == port
    assert f"127.0.0.1:{port}/healthz" in SERVICES["api"]["healthcheck"]["test"][-1]
    listening = directive("listen")
    assert [published.rsplit(":", 1)[1] for published in SERVICES["nginx"]["ports"]] == [listening]
    assert f"127.0.0.1:{listening}/" in SERVICES["nginx"]["healthcheck"]["test"][-1]
    assert last("dashboard", "EXPOSE") == environment("dashboard")["RQ_DASHBOARD_PORT"]
    assert SERVICES["dashboard"]["ports"][0].endswith(f":{last('dashboard', 'EXPOSE')}")


def test_the_api_listens_where_nginx_can_reach_it() -> None:
    assert environment("api")["HOST"] == "0.0.0.0"
    assert set(SERVICES["api"]["networks"]) & set(SERVICES["nginx"]["networks"])


def test_every_variable_of_ours_is_a_setting() -> None:
    read = set(
        re.findall(
            r'\bread\(\s*"([A-Z_]+)"', (ROOT / "app" / "settings" / "environment.py").read_text(encoding="utf-8")
        )
    )
    assert len(read) > 15
    for service in OURS:
        assert set(environment(service)) <= read, service


@pytest.mark.parametrize("service", SERVING)
def test_what_serves_gets_settings_that_load(service: str) -> None:
    settings = load_settings(environment(service))
    assert settings.database_url and settings.redis_url and settings.secret_key
    assert settings.migration_database_url is None


def test_the_owners_password_is_known_to_the_migrations_alone() -> None:
    assert load_settings(environment("migrate")).migration_database_url
    knowing = [name for name in SERVICES if "SLUICE_OWNER_PASSWORD" in str(SERVICES[name].get("environment"))]
    assert sorted(knowing) == ["migrate", "postgres"]


def test_urls_name_the_services_roles_and_passwords_that_exist() -> None:
    url = SERVICES["api"]["environment"]["DATABASE_URL"]
    assert re.fullmatch(r"postgresql://sluice_app:\$\{SLUICE_APP_PASSWORD:\?[^}]+\}@postgres:5432/sluice", url)
    url = SERVICES["migrate"]["environment"]["MIGRATION_DATABASE_URL"]
    assert re.fullmatch(r"postgresql://sluice_owner:\$\{SLUICE_OWNER_PASSWORD:\?[^}]+\}@postgres:5432/sluice", url)
    roles = (ROOT / "db" / "bootstrap.sql").read_text(encoding="utf-8")
    assert "CREATE ROLE sluice_app LOGIN" in roles and "CREATE ROLE sluice_owner LOGIN" in roles
    assert environment("postgres")["POSTGRES_DB"] == "sluice"
    for service in ("api", "dashboard"):
        assert "redis://:${REDIS_PASSWORD:?set it in .env}@redis:6379/0" in SERVICES[service]["environment"].values()


def test_postgres_gets_its_roles_from_the_projects_own_file() -> None:
    script = COMPOSE["configs"]["postgres-roles"]["content"].replace("$$", "$")
    [mounted] = [volume.split(":")[1] for volume in SERVICES["postgres"]["volumes"] if volume.startswith("./")]
    assert f"--file {mounted}" in script
    bootstrap = (ROOT / "db" / "bootstrap.sql").read_text(encoding="utf-8")
    needed = set(re.findall(r"current_setting\('([a-z_.]+)'\)", bootstrap))
    assert needed == set(re.findall(r"-c ([a-z_.]+)=", script)) != set()
    assert set(re.findall(r"\$\{([A-Z_]+)\}", script)) <= set(environment("postgres"))
    assert "ALTER DATABASE sluice OWNER TO sluice_owner" in script
    assert SERVICES["postgres"]["configs"][0]["target"].startswith("/docker-entrypoint-initdb.d/")


def test_every_variable_is_explained_in_the_example() -> None:
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    explained = re.findall(r"^#?([A-Z][A-Z_]+)=", example, re.MULTILINE)
    assert sorted(explained) == sorted(set(INTERPOLATED))
    required = {name for name, how, _ in VARIABLE.findall(TEXT) if how == ":?"}
    assert required <= set(re.findall(r"^([A-Z_]+)=", example, re.MULTILINE))


def test_no_secret_stands_in_a_file() -> None:
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            if re.search(r"PASSWORD|SECRET|_KEY", name):
                assert VARIABLE.fullmatch(value), name
            assert not re.search(r"://[^/$]*:[^$/]+@", value), name
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    assert set(re.findall(r"^[A-Z_]*(?:PASSWORD|KEY)=(.*)$", example, re.MULTILINE)) == {""}
    assert not [rest for stage in STAGES.values() for name, rest in stage if name == "ARG" or "PASSWORD" in rest]


def test_every_mounted_and_copied_file_exists() -> None:
    mounted = [
        volume.split(":")[0]
        for service in SERVICES.values()
        for volume in service.get("volumes", [])
        if volume.startswith(".")
    ]
    assert mounted
    for path in [*mounted, *copied()]:
        assert (ROOT / path).exists(), path
    named = {volume.split(":")[0] for service in SERVICES.values() for volume in service.get("volumes", [])}
    assert named - set(mounted) == set(COMPOSE["volumes"])


def copied() -> list[str]:
    """What the Dockerfile takes from the checkout."""
    lines = [rest for stage in STAGES.values() for name, rest in stage if name == "COPY" and "--from" not in rest]
    return [source for line in lines for source in line.split()[:-1]]


def test_the_build_sees_what_it_copies_and_nothing_else() -> None:
    rules = [line for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines() if line[:1] not in "#"]
    assert rules[0] == "*"
    allowed = [rule[1:] for rule in rules if rule.startswith("!")]
    assert sorted(allowed) == sorted(copied())
    assert not any(fnmatch(".env", rule) for rule in allowed)


def test_the_image_holds_every_package_and_what_they_need() -> None:
    assert set(copied()) == {"app", "db", "schemas", "workers", "requirements.txt", "requirements-dashboard.txt"}
    assert ["/venv/bin/pip", "install", "--requirement", "/build/requirements.txt"] in runs("build")
    assert "requirements-dev" not in (ROOT / "Dockerfile").read_text(encoding="utf-8")


def runs(stage: str) -> list[Any]:
    return [json.loads(rest) for name, rest in STAGES[stage] if name == "RUN"]


def test_every_command_of_the_image_is_in_exec_form() -> None:
    for stage in STAGES.values():
        for name, rest in stage:
            if name in ("RUN", "CMD", "ENTRYPOINT"):
                assert isinstance(json.loads(rest), list), rest


def test_targets_exist_and_the_default_one_is_the_application() -> None:
    built = {service["build"]["target"] for service in SERVICES.values() if "build" in service}
    assert built == {"app", "dashboard"} <= set(STAGES)
    assert list(STAGES)[-1] == "app"
    assert "PYTHONUNBUFFERED=1" in last("app", "ENV")


def test_nobody_runs_as_root() -> None:
    for name, service in SERVICES.items():
        user = service["user"] if "user" in service else last(service["build"]["target"], "USER")
        assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user), name


def test_every_container_is_confined_and_its_logs_are_bounded() -> None:
    for name, service in SERVICES.items():
        assert "no-new-privileges:true" in service["security_opt"], name
        assert service["cap_drop"] == ["ALL"], name
        assert {"max-size", "max-file"} <= set(service["logging"]["options"]), name
        assert service["deploy"]["resources"]["limits"]["memory"], name


def test_roots_are_read_only_where_compose_allows_it() -> None:
    """Compose copies an inline config into the container's root, and refuses to start one whose root is read-only."""
    for name, service in SERVICES.items():
        inline = any("content" in COMPOSE["configs"][config["source"]] for config in service.get("configs", []))
        assert service.get("read_only", False) is not inline, name


@pytest.mark.parametrize("service", SERVING)
def test_signs_of_life_can_be_written_where_the_root_is_read_only(service: str) -> None:
    writable = [Path(mount.split(":")[0]) for mount in SERVICES[service]["tmpfs"]]
    assert load_settings(environment(service)).data_dir.is_relative_to(writable[0])


def test_every_config_in_use_exists_and_every_config_is_used() -> None:
    used = {config["source"] for service in SERVICES.values() for config in service.get("configs", [])}
    assert used == set(COMPOSE["configs"])


def test_every_lasting_service_has_a_health_check_and_comes_back() -> None:
    for name, service in SERVICES.items():
        if name in ONE_SHOT:
            assert service["restart"].startswith("on-failure")
            continue
        assert service["healthcheck"]["test"][0] in ("CMD", "CMD-SHELL"), name
        assert service["restart"] == "unless-stopped", name


def test_everything_waits_for_the_migrations_and_they_for_the_database() -> None:
    for name in SERVING:
        assert SERVICES[name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}
    assert SERVICES["migrate"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}


def test_work_in_hand_is_finished_before_a_stop() -> None:
    assert SERVICES["worker"]["deploy"]["replicas"] == 2
    assert seconds(SERVICES["worker"]["stop_grace_period"]) == 120
    assert seconds(SERVICES["api"]["stop_grace_period"]) == 40
    assert seconds(SERVICES["nginx"]["stop_grace_period"]) >= 40
    for name, service in SERVICES.items():
        assert "stop_grace_period" in service or name in ONE_SHOT, name


def test_redis_keeps_what_it_is_given() -> None:
    command = " ".join(SERVICES["redis"]["command"])
    for option in ("--appendonly yes", "--appendfsync everysec", "--maxmemory-policy noeviction", "requirepass"):
        assert option in command
    assert re.search(r"--maxmemory \d+mb", command)
    version = tuple(int(part) for part in SERVICES["redis"]["image"].removeprefix("redis:").split("."))
    assert version >= (8, 2, 2)


def test_postgres_never_quotes_rows() -> None:
    assert "log_error_verbosity=terse" in SERVICES["postgres"]["command"]


def test_only_nginx_is_published() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert set(published) == {"nginx", "dashboard"}
    assert all(port.startswith("127.0.0.1:") for port in published["dashboard"])
    assert SERVICES["dashboard"]["profiles"] == ["dashboard"]
    assert not [name for name, service in SERVICES.items() if "network_mode" in service]


def test_the_servers_are_on_the_inner_network_alone() -> None:
    assert COMPOSE["networks"]["inner"]["internal"] is True
    assert SERVICES["postgres"]["networks"] == SERVICES["redis"]["networks"] == ["inner"]
    used = {network for service in SERVICES.values() for network in service["networks"]}
    assert used == set(COMPOSE["networks"])


def test_nginx_takes_bodies_whole_and_one_size_above_the_apis_own_bound() -> None:
    assert directive("proxy_request_buffering") == "on"
    assert directive("client_max_body_size") == "17m"
    assert load_settings({}).max_body_bytes < 17 * 1024 * 1024
    assert seconds(directive("client_body_timeout")) <= 60
    assert seconds(directive("client_header_timeout")) <= 60
    assert seconds(directive("proxy_read_timeout")) > 30  # the longest `Prefer: wait`
    assert int(directive("keepalive")) > 0
    assert directive("proxy_http_version") == "1.1"
    assert directive("proxy_set_header Connection") == '""'
    assert directive("proxy_set_header X-Request-Id") == "$id_of_request"
    assert NGINX.count("{") == NGINX.count("}")


def test_the_dashboard_is_locked() -> None:
    assert SERVICES["dashboard"]["environment"]["RQ_DASHBOARD_USERNAME"].startswith("${DASHBOARD_USERNAME:?")
    assert SERVICES["dashboard"]["environment"]["RQ_DASHBOARD_PASSWORD"].startswith("${DASHBOARD_PASSWORD:?")
    pins = (ROOT / "requirements-dashboard.txt").read_text(encoding="utf-8")
    assert ["/venv/bin/pip", "install", "--requirement", "/build/requirements-dashboard.txt"] in runs("build-dashboard")
    assert "rq-dashboard==0.9.0\n" in pins
