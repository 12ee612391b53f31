"""The production files agree: commands, ports, variables, files and safeguards. Needs no Docker."""

from __future__ import annotations

import json
import re
import subprocess
from fnmatch import fnmatch
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import yaml

from app.settings.environment import load_settings
from tests.support.commands import all_commands, parse
from tests.support.paths import ROOT

TEXT = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
SECRETS: dict[str, dict[str, str]] = COMPOSE["secrets"]
NGINX = (ROOT / "docker" / "nginx.conf").read_text(encoding="utf-8")
OURS = ("api", "worker", "puller", "pusher", "listener", "dispatcher", "migrate")
SERVING = OURS[:-1]
WITH_KEY = ("api", "worker", "puller", "pusher")
ONE_SHOT = ("migrate", "backup")
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


@cache
def made_secrets() -> dict[str, str]:
    """What docker/make-secrets.sh writes where nothing is."""
    with TemporaryDirectory() as folder:
        subprocess.run(["sh", str(ROOT / "docker" / "make-secrets.sh")], cwd=folder, check=True)
        return {path.name: path.read_text(encoding="utf-8") for path in Path(folder, "secrets").iterdir()}


def environment(service: str) -> dict[str, str]:
    """The variables of a service, those in files included."""
    found = {name: filled(value) for name, value in SERVICES[service].get("environment", {}).items()}
    for name in [name for name in found if name.endswith("_FILE")]:
        folder, _, file = found.pop(name).rpartition("/")
        assert folder == "/run/secrets" and file in secrets_of(service), f"{service} has no secret for {name}"
        found[name.removesuffix("_FILE")] = made_secrets()[file]
    return found


def secrets_of(service: str) -> set[str]:
    return {secret if isinstance(secret, str) else secret["source"] for secret in SERVICES[service].get("secrets", [])}


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
        assert parse(command[1:]).command.callback


def test_gunicorn_finds_application_and_settings() -> None:
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
    command = all_commands().get(SERVICES[service]["command"][3])
    settings = load_settings(environment(service), needs_key=command is None or command.needs_key)
    assert settings.database_url and settings.redis_url
    assert (settings.secret_key is not None) is (service in WITH_KEY)
    assert settings.migration_database_url is None


def test_each_secret_goes_where_it_is_needed_alone() -> None:
    knowing = {secret: {name for name in SERVICES if secret in secrets_of(name)} for secret in SECRETS}
    assert knowing["secret_key"] == knowing["secret_key_old"] == knowing["email_hash_key"] == set(WITH_KEY)
    assert knowing["database_url"] == {*SERVING, "backup"}  # where its event in the audit trail goes
    assert knowing["redis_url"] == {*SERVING, "backup", "dashboard"}
    assert knowing["migration_database_url"] == {"migrate"}
    assert knowing["owner_password"] == knowing["app_password"] == knowing["postgres_password"] == {"postgres"}
    assert knowing["backup_password"] == {"postgres"}
    assert knowing["backup_database_url"] == knowing["restore_database_url"] == {"backup"}
    assert knowing["redis_password"] == knowing["redis_erp_password"] == {"redis"}
    assert knowing["metrics_token"] == {"api"}
    assert knowing["erp_event_key"] == {"listener"}
    assert knowing["alert_webhook_url"] == knowing["alert_webhook_secret"] == {"dispatcher"}
    assert all(knowing.values())


def test_secrets_are_files_and_no_variables() -> None:
    assert {name: secret["file"] for name, secret in SECRETS.items()} == {name: f"./secrets/{name}" for name in SECRETS}
    assert not [name for name in INTERPOLATED if re.search(r"PASSWORD|SECRET|KEY|TOKEN|_URL", name)]
    assert "secrets/" in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()


def test_the_script_makes_each_secret_once(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("SECRET_KEY=old\nSECRET_KEY=the one in use\nREDIS_PASSWORD=\n", encoding="utf-8")
    contents = []
    for _ in range(2):
        subprocess.run(["sh", str(ROOT / "docker" / "make-secrets.sh")], cwd=tmp_path, check=True)
        contents.append({path.name: path.read_text(encoding="utf-8") for path in (tmp_path / "secrets").iterdir()})
    assert contents[0] == contents[1]
    assert set(contents[0]) == set(SECRETS)
    assert contents[0]["secret_key"] == "the one in use"
    assert len(contents[0]["redis_password"]) == 64
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o700


def test_the_backup_service_can_reach_all_rows() -> None:
    """The URLs of the superuser and of the backup role."""
    settings = load_settings(environment("backup"), needs_key=False)
    assert settings.backup_database_url and settings.restore_database_url
    client = next(run[-1] for run in runs("backup") if run[-1].startswith("postgresql-client-"))
    assert (
        client.removeprefix("postgresql-client-")
        == SERVICES["postgres"]["image"].removeprefix("postgres:").split("@")[0]
    )


def test_urls_name_existing_services_and_roles() -> None:
    made = made_secrets()
    assert made["database_url"] == f"postgresql://sluice_app:{made['app_password']}@postgres:5432/sluice"
    assert made["migration_database_url"] == f"postgresql://sluice_owner:{made['owner_password']}@postgres:5432/sluice"
    assert made["redis_url"] == f"redis://sluice:{made['redis_password']}@redis:6379/0"
    roles = (ROOT / "db" / "bootstrap.sql").read_text(encoding="utf-8")
    assert "CREATE ROLE sluice_app LOGIN" in roles and "CREATE ROLE sluice_owner LOGIN" in roles
    assert environment("postgres")["POSTGRES_DB"] == "sluice"


def test_postgres_roles_come_from_the_bootstrap_file() -> None:
    script = (ROOT / "docker" / "postgres-roles.sh").read_text(encoding="utf-8")
    mounted = dict(volume.split(":")[:2] for volume in SERVICES["postgres"]["volumes"])
    assert f"--file {mounted['./db/bootstrap.sql']}" in script
    bootstrap = (ROOT / "db" / "bootstrap.sql").read_text(encoding="utf-8")
    needed = set(re.findall(r"current_setting\('([a-z_.]+)'\)", bootstrap))
    assert needed == set(re.findall(r"-c ([a-z_.]+)=", script)) != set()
    assert set(re.findall(r"/run/secrets/(\w+)", script)) <= secrets_of("postgres")
    assert "ALTER DATABASE sluice OWNER TO sluice_owner" in script
    assert mounted["./docker/postgres-roles.sh"].startswith("/docker-entrypoint-initdb.d/")


def test_every_variable_is_explained_in_the_example() -> None:
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    explained = re.findall(r"^#?([A-Z][A-Z_]+)=", example, re.MULTILINE)
    assert sorted(explained) == sorted(set(INTERPOLATED))


def test_no_secret_stands_in_the_files() -> None:
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            assert not re.search(r"PASSWORD|SECRET|_KEY|TOKEN|_URL", name) or name.endswith("_FILE"), name
            assert not re.search(r"://[^/$]*:[^$/]+@", value), name
    assert not re.search(r"PASSWORD|KEY=", (ROOT / ".env.example").read_text(encoding="utf-8"))
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
    assert set(copied()) == {"app", "db", "schemas", "workers", "requirements.lock", "requirements-dashboard.lock"}
    assert installs("requirements.lock") in runs("build")
    assert "requirements-dev" not in (ROOT / "Dockerfile").read_text(encoding="utf-8")


def installs(lock: str) -> list[str]:
    """The build's own pip, which stays out of the image, installs by hash."""
    pip = ["python", "-m", "pip", "--python", "/venv/bin/python"]
    return [*pip, "install", "--require-hashes", "--requirement", f"/build/{lock}"]


def test_no_pip_is_in_the_image() -> None:
    for stage in ("build", "build-dashboard"):
        assert [run for run in runs(stage) if "venv" in run and "--without-pip" not in run] == []
    for stage in ("app", "dashboard"):
        made = [json.loads(rest) for name, rest in lineage(stage) if name == "RUN"]
        assert ["python", "-m", "pip", "uninstall", "--yes", "pip", "setuptools", "wheel"] in made
        assert any(run[0] == "rm" and run[-1].endswith("/ensurepip") for run in made)


def runs(stage: str) -> list[Any]:
    return [json.loads(rest) for name, rest in STAGES[stage] if name == "RUN"]


def test_every_command_of_the_image_is_in_exec_form() -> None:
    for stage in STAGES.values():
        for name, rest in stage:
            if name in ("RUN", "CMD", "ENTRYPOINT"):
                assert isinstance(json.loads(rest), list), rest


def test_default_build_target_is_the_application() -> None:
    built = {service["build"]["target"] for service in SERVICES.values() if "build" in service}
    assert built == {"app", "backup", "dashboard"} <= set(STAGES)
    assert list(STAGES)[-1] == "app"
    assert "PYTHONUNBUFFERED=1" in last("app", "ENV")


def test_nobody_runs_as_root() -> None:
    for name, service in SERVICES.items():
        user = service["user"] if "user" in service else last(service["build"]["target"], "USER")
        assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user), name


def test_containers_are_confined_with_bounded_logs() -> None:
    for name, service in SERVICES.items():
        assert "no-new-privileges:true" in service["security_opt"], name
        assert service["cap_drop"] == ["ALL"], name
        assert {"max-size", "max-file"} <= set(service["logging"]["options"]), name
        assert service["deploy"]["resources"]["limits"]["memory"], name


def test_roots_are_read_only_and_processes_bounded() -> None:
    assert "configs" not in COMPOSE, "Compose writes an inline config into the root"
    for name, service in SERVICES.items():
        assert service["read_only"] is True, name
        assert service["pids_limit"] <= 256, name


@pytest.mark.parametrize("service", SERVING)
def test_heartbeats_can_be_written_on_a_read_only_root(service: str) -> None:
    writable = [Path(mount.split(":")[0]) for mount in SERVICES[service]["tmpfs"]]
    assert load_settings(environment(service), needs_key=False).data_dir.is_relative_to(writable[0])


def test_lasting_services_have_health_check_and_restart() -> None:
    for name, service in SERVICES.items():
        if name in ONE_SHOT:
            assert service["restart"].startswith("on-failure")
            continue
        assert service["healthcheck"]["test"][0] in ("CMD", "CMD-SHELL"), name
        assert service["restart"] == "unless-stopped", name


def test_services_wait_for_migrations() -> None:
    for name in SERVING:
        assert SERVICES[name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}
    assert SERVICES["migrate"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}


def test_services_get_time_to_finish_their_work() -> None:
    assert SERVICES["worker"]["deploy"]["replicas"] == 2
    assert seconds(SERVICES["worker"]["stop_grace_period"]) == 120
    assert seconds(SERVICES["api"]["stop_grace_period"]) == 40
    assert seconds(SERVICES["nginx"]["stop_grace_period"]) >= 40
    for name, service in SERVICES.items():
        assert "stop_grace_period" in service or name in ONE_SHOT, name


def test_redis_is_durable_and_never_evicts() -> None:
    script = (ROOT / "docker" / "redis.sh").read_text(encoding="utf-8")
    for option in ("--appendonly yes", "--appendfsync everysec", "--maxmemory-policy noeviction", "user default off"):
        assert option in script
    assert re.search(r"--maxmemory \d+mb", script)
    assert set(re.findall(r"/run/secrets/(\w+)", script)) == secrets_of("redis")
    assert "./docker/redis.sh:/sluice/redis.sh:ro" in SERVICES["redis"]["volumes"]
    assert SERVICES["redis"]["command"] == ["sh", "/sluice/redis.sh"]
    version = tuple(int(part) for part in re.match(r"redis:([\d.]+)", SERVICES["redis"]["image"])[1].split("."))  # type: ignore[index]
    assert version >= (8, 2, 2)


def test_postgres_never_logs_rows() -> None:
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


def test_nginx_buffers_bodies_above_the_api_limit() -> None:
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


def test_bodies_are_buffered_on_disk_and_bounded() -> None:
    assert "./docker/nginx.conf:/etc/nginx/nginx.conf:ro" in SERVICES["nginx"]["volumes"]
    [spool] = [volume.split(":")[1] for volume in SERVICES["nginx"]["volumes"] if not volume.startswith(".")]
    assert Path(directive("client_body_temp_path")).parent == Path(directive("proxy_temp_path")).parent == Path(spool)
    assert seconds(directive("client_body_timeout")) <= 10
    connections = {zone: int(most) for zone, most in re.findall(r"limit_conn (\w+) (\d+);", NGINX)}
    assert connections == {"of_client": 48, "of_all": 256}
    assert set(re.findall(r"limit_conn_zone (\S+) zone=", NGINX)) == {"$binary_remote_addr", "$server_port"}
    assert re.search(r"limit_req_zone \$binary_remote_addr zone=(\w+):", NGINX)[1] in directive("limit_req")  # type: ignore[index]


def test_nginx_trusts_headers_of_named_proxies_only() -> None:
    [config] = SERVICES["nginx"]["secrets"]
    assert f"include {config['target']};" in NGINX
    assert directive("proxy_set_header X-Forwarded-For") == "$remote_addr"
    assert directive("proxy_set_header X-Forwarded-Proto") == "$client_scheme"
    assert not re.search(r"^set_real_ip_from", made_secrets()[config["source"]], re.MULTILINE)


def test_the_dashboard_needs_a_password() -> None:
    assert environment("dashboard")["RQ_DASHBOARD_USERNAME"]
    assert len(made_secrets()["dashboard_password"]) == 64
    assert set(re.findall(r"/run/secrets/(\w+)", str(SERVICES["dashboard"]["command"]))) == secrets_of("dashboard")
    pins = (ROOT / "requirements-dashboard.txt").read_text(encoding="utf-8")
    assert installs("requirements-dashboard.lock") in runs("build-dashboard")
    assert "rq-dashboard==0.9.0\n" in pins
