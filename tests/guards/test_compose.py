"""docker-compose.yml: what containers are given when `.env` says this or that, as Docker Compose would read it."""

from __future__ import annotations

import re
from dataclasses import fields
from typing import Any

import pytest
import yaml
from psycopg.conninfo import conninfo_to_dict

from bookings.config import ConfigurationError, Settings
from tests.guards.source import ROOT

NAMES = {field.name.upper() for field in fields(Settings)}
#: what is said by docker-compose.yml alone, because it says where things are inside of the containers
INSIDE = {"APP_ENV", "REDIS_URL", "REPORT_DIR", "WEB_BIND", "SOCKETS_BIND", "TRUSTED_PROXIES"}
#: what .env says under another name, because the same name means something else outside
RENAMED = {"DATABASE_URL": "CONTAINER_DATABASE_URL"}
SECRET = "q8Zr1Xw5Tn7Kc3Vb9Mf2Lh6Pd4Sg0JyWe8"
_VARIABLE = re.compile(r"\$\{(\w+)(?::-([^{}]*))?\}")

Services = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def services() -> Services:
    """All services by name, anchors and merge keys resolved."""
    found: Services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    return found


def example() -> dict[str, str]:
    """What `.env` holds when `.env.example` was copied."""
    return dict(re.findall(r"^([A-Z][A-Z0-9_]+)=(.*)$", (ROOT / ".env.example").read_text(), re.M))


def given(service: dict[str, Any], dotenv: dict[str, str]) -> dict[str, str]:
    """The environment of a container: `environment`, where variables stand for what .env has, wins over `env_file`."""
    reads = [file["path"] for file in service.get("env_file", [])]
    said = {name: interpolated(str(text), dotenv) for name, text in service["environment"].items()}
    return (dotenv if ".env" in reads else {}) | said


def interpolated(text: str, dotenv: dict[str, str]) -> str:
    """A text with its variables replaced."""
    found = _VARIABLE.sub(lambda each: dotenv.get(each[1]) or each[2] or "", text)
    assert "$" not in _VARIABLE.sub("", text), f"{text} is written in a way that is not known here"
    return found


def ours(services: Services, profile: str) -> Services:
    """The containers of a profile that run our code."""
    return {
        name: each for name, each in services.items() if each["image"] == "bookings" and profile in each["profiles"]
    }


def test_nginx_finds_containers_again_that_were_made_anew(services: Services) -> None:
    """It asks Docker's DNS, for names that both profiles have, and is new enough to go on asking."""
    text = (ROOT / "deploy" / "nginx" / "nginx.conf").read_text()
    assert len(re.findall(r"^\s*resolver 127\.0\.0\.11 valid=\d+s\b", text, re.M)) == 1
    upstreams = re.findall(r"upstream \w+ \{.*?\}", text, re.S)
    servers = {name for each in upstreams for name in re.findall(r"server (\w+):\d+ resolve\b", each)}
    assert servers == {"web", "sockets"} <= services.keys()
    assert all("zone " in each for each in upstreams)
    for name in servers:
        assert services[f"{name}-dev"]["networks"]["default"]["aliases"] == [name]
    image = services["nginx"]["image"].partition(":")[2]
    assert tuple(map(int, image.split("."))) >= (1, 28)  # the first stable one since RESOLVES


@pytest.mark.parametrize("name", sorted(NAMES))
def test_every_setting_reaches_production(services: Services, name: str) -> None:
    outside = RENAMED.get(name, name)
    for service in ours(services, "prod").values():
        told = given(service, example() | {outside: "what .env says"})[name]
        assert (told == "what .env says") is (name not in INSIDE), f"{name} is {told!r}"


def test_an_env_that_is_not_there_is_no_error(services: Services) -> None:
    for profile in ("dev", "prod"):
        for service in ours(services, profile).values():
            assert service["env_file"] == [{"path": ".env", "required": False}]


def test_the_example_as_it_stands_runs_development_and_never_production(services: Services) -> None:
    """Its secret is known to everybody, and its database is not where the containers are."""
    for service in ours(services, "dev").values():
        settings = Settings.from_env(given(service, example()))
        assert (settings.app_env, conninfo_to_dict(settings.database_url)["host"]) == ("development", "postgres")
    for service in ours(services, "prod").values():
        with pytest.raises(ConfigurationError, match="JWT_SECRET is guessable"):
            Settings.from_env(given(service, example()))


def test_the_example_with_two_secrets_runs_production(services: Services) -> None:
    """Also with a password that would break a URL: libpq reads it from PGPASSWORD."""
    password = "a/b@c:d?e#f%20"
    dotenv = example() | {"JWT_SECRET": SECRET, "POSTGRES_PASSWORD": password}
    for service in ours(services, "prod").values():
        environment = given(service, dotenv)
        settings = Settings.from_env(environment)
        database = conninfo_to_dict(settings.database_url)
        assert settings.production
        assert (database["host"], database["port"], database["user"]) == ("postgres", "5432", "bookings")
        assert "password" not in database
        assert environment["PGPASSWORD"] == password == given(services["postgres"], dotenv)["POSTGRES_PASSWORD"]


def test_a_bare_up_starts_development(services: Services) -> None:
    """The service itself, its database, Redis and the proxy, as `scripts/dev.py up` does; nothing of production."""
    profiles = set(example()["COMPOSE_PROFILES"].split(","))
    started = {name for name, each in services.items() if profiles & set(each["profiles"])}
    processes = {"web-dev", "sockets-dev", "worker-dev", "relay-dev", "migrate-dev", "seed-dev"}
    assert started == processes | {"postgres-dev", "redis", "nginx"}


def test_nothing_of_production_is_in_reach_of_development(services: Services) -> None:
    """Whatever secrets .env holds: dev uses its own, which are good for nothing else."""
    dotenv = example() | {
        "JWT_SECRET": SECRET,
        "POSTGRES_PASSWORD": "x",
        "CONTAINER_DATABASE_URL": "postgresql://elsewhere/x",
    }
    for service in ours(services, "dev").values():
        settings = Settings.from_env(given(service, dotenv))
        assert settings.jwt_secret != SECRET
        assert conninfo_to_dict(settings.database_url)["host"] == "postgres"
