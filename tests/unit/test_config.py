"""Settings are read strictly, and a mistake is told in one sentence with its remedy."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bookings.config import ConfigurationError, Settings, database_url, duration, durations

SECRET = "0123456789abcdefghijklmnopqrstuvwxyz"
NEEDED = {"DATABASE_URL": "postgresql://u:p@h/d", "REDIS_URL": "redis://h", "JWT_SECRET": SECRET}


@pytest.mark.parametrize(
    "text,expected",
    [
        ("90s", timedelta(seconds=90)),
        ("10m", timedelta(minutes=10)),
        ("10", timedelta(minutes=10)),
        ("24h", timedelta(hours=24)),
        (" 7 d ", timedelta(days=7)),
        ("0s", timedelta(0)),
    ],
)
def test_durations_are_read(text: str, expected: timedelta) -> None:
    """A number and a unit; minutes without one."""
    assert duration(text) == expected


@pytest.mark.parametrize("text", ["", "m", "-5m", "1.5h", "ten minutes", "5w", "5 m 3 s"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    """No guessing."""
    with pytest.raises(ValueError, match="is not a duration"):
        duration(text)


def test_lists_of_durations_are_sorted_and_single() -> None:
    """Longest first, each once; nothing means none."""
    assert durations("10m, 24h,10m") == (timedelta(hours=24), timedelta(minutes=10))
    assert durations("") == ()


def test_defaults_and_values() -> None:
    """What is not set has its default, what is set is converted; an empty line is as good as none."""
    settings = Settings.from_env({**NEEDED, "WEB_WORKERS": "4", "ENABLE_METRICS": "yes", "LOG_LEVEL": ""})
    assert (settings.web_workers, settings.enable_metrics, settings.log_level) == (4, True, "INFO")
    assert settings.reminder_lead == (timedelta(minutes=10),)
    assert Settings.from_env({**NEEDED, "REMINDER_LEAD": ""}).reminder_lead == ()
    assert Settings.from_env({**NEEDED, "ALLOWED_ORIGINS": "https://a, https://b"}).allowed_origins == (
        "https://a",
        "https://b",
    )


@pytest.mark.parametrize(
    "changes,sentence",
    [
        ({"DATABASE_URL": ""}, "DATABASE_URL is not set; set it to postgresql://"),
        ({"REDIS_URL": ""}, "REDIS_URL is not set; set it to redis://"),
        ({"PAYMENT_GATEWAY": "paypal"}, "PAYMENT_GATEWAY is 'paypal'; set it to manual, stripe or test."),
        ({"PAYMENT_GATEWAY": "test"}, "PAYMENT_GATEWAY is test, which moves no money; in production set another."),
        ({"PAYMENT_GATEWAY": "stripe"}, "STRIPE_SECRET_KEY is not set; PAYMENT_GATEWAY=stripe needs it."),
        (
            {"PAYMENT_GATEWAY": "stripe", "STRIPE_SECRET_KEY": "sk_test_x"},
            "STRIPE_WEBHOOK_SECRET is not set; PAYMENT_GATEWAY=stripe needs it.",
        ),
        ({"PAYMENT_CAPTURE": "later"}, "PAYMENT_CAPTURE is 'later'; set it to automatic or manual."),
        ({"JWT_SECRET": ""}, "JWT_SECRET is not set; set it to at least 32 random characters"),
        ({"JWT_SECRET": "tiny"}, "JWT_SECRET is shorter than 32 bytes"),
        ({"JWT_SECRET": "a" * 40}, "JWT_SECRET is guessable"),
        ({"JWT_SECRET": "please-change-me-0123456789-abcdefgh"}, "JWT_SECRET is guessable"),
        ({"JWT_SECRET": "only-for-development-replace-this-one"}, "JWT_SECRET is guessable"),
        ({"JWT_SECRET": "for-development-only-0123456789abcdef"}, "JWT_SECRET is guessable"),
        ({"PASSWORD_MEMORY": "65535"}, "PASSWORD_MEMORY is 65535"),
        ({"PASSWORD_MEMORY": "31", "APP_ENV": "test"}, "PASSWORD_MEMORY is 31"),
        ({"APP_ENV": "staging"}, "APP_ENV is 'staging'; set it to development, production or test."),
        ({"WEB_WORKERS": "two"}, "WEB_WORKERS cannot be read: invalid literal"),
        ({"ENABLE_METRICS": "maybe"}, "ENABLE_METRICS cannot be read: 'maybe' is neither true nor false."),
        ({"ACCESS_TOKEN_TTL": "soon"}, "ACCESS_TOKEN_TTL cannot be read: 'soon' is not a duration"),
    ],
)
def test_mistakes_name_the_setting_and_the_remedy(changes: dict[str, str], sentence: str) -> None:
    """One sentence, on one line, without the value of the secret."""
    with pytest.raises(ConfigurationError) as caught:
        Settings.from_env({**NEEDED, "APP_ENV": "production", **changes})
    message = str(caught.value)
    assert message.startswith(sentence)
    assert "\n" not in message
    secret = changes.get("JWT_SECRET")
    assert not secret or secret not in message


def test_a_weak_secret_does_for_development() -> None:
    """Only production asks for more than length."""
    assert Settings.from_env({**NEEDED, "APP_ENV": "development", "JWT_SECRET": "x" * 32}).jwt_secret


def test_tools_can_read_the_database_alone() -> None:
    """scripts/migrate.py needs no secret."""
    assert database_url({"DATABASE_URL": "postgresql://x"}) == "postgresql://x"
    with pytest.raises(ConfigurationError, match="DATABASE_URL is not set"):
        database_url({})
