"""Django's settings, derived from `config`. Nothing here is turned by anybody directly."""

import sys
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import dj_database_url
from django.core.exceptions import ImproperlyConfigured

# Distributions ship SQLite versions that can corrupt a database in WAL mode. For Linux, this wheel bundles a sound one.
with suppress(ImportError):
    import pysqlite3

    sys.modules["sqlite3"] = pysqlite3
import sqlite3

from entrepot.config import REDIS_ANSWERS, Config
from entrepot.monitoring import logs

CONFIG = Config.current()

SECRET_KEY = CONFIG.secret()
DEBUG = False
ALLOWED_HOSTS = ["*"]  # nothing is derived from the Host header: links begin with CONFIG.public_url

INSTALLED_APPS = [
    "entrepot.moderation",  # before the next one, whose templates it replaces
    "django.contrib.admin.apps.SimpleAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "entrepot.web",  # before the next ones, whose templates it replaces
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "entrepot.accounts",
    "entrepot.journal",
    "entrepot.projects",
    "entrepot.mirror",
    "entrepot.search",
    "entrepot.stats",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "entrepot.web.sessions.SignedSessions",
    "entrepot.web.language.Language",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "entrepot.web.gate.Gate",
]
ROOT_URLCONF = "entrepot.urls"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "entrepot.web.banners.banners",
            ]
        },
    }
]

AUTH_USER_MODEL = "accounts.User"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 8}},
    {"NAME": "entrepot.accounts.passwords.NotTooLong"},
    {"NAME": "entrepot.accounts.guessing.Guessable"},
    {"NAME": "entrepot.accounts.passwords.Leaked"},
]
AUTHENTICATION_BACKENDS = ["entrepot.accounts.backend.OnePassword"]

# Sessions are rows, so that they can be ended; the cookie is signed, so that the rows alone open none.
SECURE = CONFIG.public_url.startswith("https://")
_COOKIE = "__Host-" if SECURE else ""
SESSION_COOKIE_NAME = f"{_COOKIE}session"
SESSION_COOKIE_AGE = 12 * 60 * 60
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE
CSRF_COOKIE_NAME = f"{_COOKIE}csrf"
CSRF_COOKIE_HTTPONLY = True
CSRF_TRUSTED_ORIGINS = [CONFIG.public_url]
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "account"

ACCOUNT_ADAPTER = "entrepot.accounts.adapter.Accounts"
ACCOUNT_LOGIN_METHODS = {"username", "email"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "email*", "password1*", "password2*"]
ACCOUNT_SIGNUP_FORM_HONEYPOT_FIELD = "homepage"
ACCOUNT_FORMS = {
    "signup": "entrepot.web.forms.Register",
    "confirm_email_verification_code": "entrepot.web.forms.ConfirmAddress",
    "reset_password": "entrepot.web.resetting.AskForCode",
}
ACCOUNT_USERNAME_MIN_LENGTH = 2
ACCOUNT_PASSWORD_MIN_LENGTH = None  # the validators say it
# Codes, not links: whoever asked for one has to type it, in the browser in which it was asked for.
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = True
ACCOUNT_EMAIL_VERIFICATION_SUPPORTS_RESEND = True
ACCOUNT_PASSWORD_RESET_BY_CODE_ENABLED = True
ACCOUNT_PASSWORD_RESET_BY_CODE_TIMEOUT = 15 * 60
ACCOUNT_MAX_EMAIL_ADDRESSES = 10
ACCOUNT_PREVENT_ENUMERATION = "strict"
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_RATE_LIMITS = MFA_RATE_LIMITS = False  # `web.gate` limits every route

MFA_ADAPTER = "entrepot.accounts.adapter.Factors"
MFA_SUPPORTED_TYPES = ["totp", "webauthn"]  # recovery codes are our own: theirs can be read from the database
MFA_FORMS = {
    "authenticate": "entrepot.web.factors.Authenticate",
    "reauthenticate": "entrepot.web.factors.Reauthenticate",
    "add_webauthn": "entrepot.web.factors.AddKey",
    "authenticate_webauthn": "entrepot.web.factors.AuthenticateKey",
    "reauthenticate_webauthn": "entrepot.web.factors.ReauthenticateKey",
    "login_webauthn": "entrepot.web.factors.LoginKey",
}
MFA_TOTP_TOLERANCE = 1
MFA_TOTP_ISSUER = "Entrepot"
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TRUST_ENABLED = True
MFA_TRUST_COOKIE_AGE = timedelta(days=30)
MFA_TRUST_COOKIE_NAME = f"{_COOKIE}trust"
USERSESSIONS_ADAPTER = "entrepot.accounts.adapter.Sessions"

DATABASES = {"default": dj_database_url.parse(CONFIG.database_url)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATABASE_FILE: Path | None = None
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASE_FILE = Path(DATABASES["default"]["NAME"])
    # rw: a file that is gone must not come back as an empty one.
    DATABASES["default"]["NAME"] = f"file:{quote(str(DATABASE_FILE))}?mode=rw"
    if sqlite3.sqlite_version_info < (3, 51, 3):
        raise ImproperlyConfigured(
            f"SQLite {sqlite3.sqlite_version} can corrupt a database in WAL mode; Entrepot needs 3.51.3 or newer."
        )
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        # FULL: what was acknowledged survives a power cut.
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
    }
else:
    from entrepot.postgresql import Connection

    # A connection that died with its server is replaced before it is used; who gets none hears of it within seconds.
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
    DATABASES["default"]["OPTIONS"] = {
        "connect_timeout": 5,
        # A machine that vanished is given up within half a minute.
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 20_000,
        # A process that stops in the middle of a transaction does not hold the others up for longer.
        "options": "-c idle_in_transaction_session_timeout=60s",
        **DATABASES["default"].get("OPTIONS", {}),
        "pool": {"min_size": 1, "max_size": 20, "timeout": 3, "reconnect_timeout": 5, "connection_class": Connection},
    }

# Without Redis nothing is cached: a memory of each process would differ from the next one's, and a table costs the
# read that it spares, and a write on top.
CACHES: dict[str, dict[str, object]] = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}
if CONFIG.redis_url:
    CACHES["default"] = {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": CONFIG.redis_url,
        "OPTIONS": {"socket_timeout": REDIS_ANSWERS, "socket_connect_timeout": REDIS_ANSWERS},
    }

# Mail is sent by `followers.mail`, over a connection that it makes itself; nothing else sends any.
EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
DEFAULT_FROM_EMAIL = SERVER_EMAIL = CONFIG.sender

USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
# Each by its own name: whoever looks for it may not read any other.
LANGUAGES = [
    ("ar", "العربية"),
    ("de", "Deutsch"),
    ("en", "English"),
    ("es", "Español"),
    ("fr", "Français"),
    ("he", "עברית"),
    ("ja", "日本語"),
    ("pt-br", "Português (Brasil)"),
    ("ru", "Русский"),
    ("uk", "Українська"),
    ("zh-hans", "简体中文"),
]
LOCALE_PATHS = [Path(__file__).parent / "locale"]
LANGUAGE_COOKIE_NAME = f"{_COOKIE}language"
STATIC_URL = "/static/"
WHITENOISE_USE_FINDERS = True

SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SECURE_HSTS_SECONDS = 365 * 24 * 60 * 60 if SECURE else 0
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if CONFIG.proxies else None
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'"],
        "connect-src": ["'self'"],
        "base-uri": ["'none'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
    }
}

LOGGING = logs.configuration(CONFIG.log)
