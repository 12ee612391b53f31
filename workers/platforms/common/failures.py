"""The failures that any platform may have, each with its verdict and the text that a merchant reads."""

from __future__ import annotations

from workers.platforms.common.interface import PlatformError


def unreachable() -> PlatformError:
    return PlatformError(
        "PLATFORM_UNREACHABLE", "The shop could not be reached. The call will be repeated.", retryable=True
    )


def unreadable() -> PlatformError:
    """A truncated answer, or the page of a firewall or of a maintenance: all of them pass."""
    message = "The shop answered with something that is not data. The call will be repeated."
    return PlatformError("PLATFORM_ANSWER_UNREADABLE", message, retryable=True)


def failing(retry_after: float | None = None) -> PlatformError:
    message = "The shop's platform reported an error of its own. The call will be repeated."
    return PlatformError("PLATFORM_FAILING", message, retryable=True, retry_after=retry_after)


def rate_limited(retry_after: float | None = None) -> PlatformError:
    message = "The shop's platform asks for fewer calls. They continue more slowly."
    return PlatformError("PLATFORM_RATE_LIMITED", message, retryable=True, retry_after=retry_after)


def too_large() -> PlatformError:
    return PlatformError(
        "PLATFORM_ANSWER_TOO_LARGE", "The shop answered with more data than a page may hold.", retryable=False
    )


def encoding_refused() -> PlatformError:
    message = (
        "The shop's server compresses its answers with another encoding than gzip. Configure it to use gzip or none."
    )
    return PlatformError("PLATFORM_ENCODING_REFUSED", message, retryable=False)


def redirected() -> PlatformError:
    message = "The shop's address redirects to another one. Set that address as the shop's."
    return PlatformError("SHOP_ADDRESS_REDIRECTS", message, retryable=False)


def bad_certificate() -> PlatformError:
    message = (
        "The certificate of the shop's address is not valid for it. Renew the certificate, or correct the address."
    )
    return PlatformError("SHOP_CERTIFICATE_INVALID", message, retryable=False)


def revoked() -> PlatformError:
    message = "The shop no longer accepts its access token. Connect the shop again."
    return PlatformError("SHOP_ACCESS_REVOKED", message, retryable=False)


def renewal_lost() -> PlatformError:
    message = (
        "The answer to the renewal of the shop's access token was lost, and the platform accepts the old token only once."
        " Connect the shop again."
    )
    return PlatformError("SHOP_RENEWAL_LOST", message, retryable=False)


def app_refused() -> PlatformError:
    message = "The platform refused the app's id and secret for this shop. Set the shop's credentials again."
    return PlatformError("SHOP_APP_REFUSED", message, retryable=False)


def scope_missing() -> PlatformError:
    message = "The shop has not given permission to read these records. Grant it in the shop, then start again."
    return PlatformError("SHOP_SCOPE_MISSING", message, retryable=False)


def unknown_shop() -> PlatformError:
    message = "There is no such shop at this address. Correct the address or the shop's credentials."
    return PlatformError("SHOP_UNKNOWN", message, retryable=False)


def locked() -> PlatformError:
    message = "The platform has locked or frozen the shop. Contact the platform, then start again."
    return PlatformError("SHOP_LOCKED", message, retryable=False)


def bad_request() -> PlatformError:
    message = "The platform refused the call as malformed. This is a bug of this software; support finds it in the log."
    return PlatformError("PLATFORM_REFUSED_CALL", message, retryable=False)


def no_such_entity() -> PlatformError:
    return PlatformError("ENTITY_NOT_AVAILABLE", "The platform has no such records to read.", retryable=False)


def bad_credentials() -> PlatformError:
    message = "The shop's credentials are incomplete. Set all of them, then start again."
    return PlatformError("SHOP_CREDENTIALS_INCOMPLETE", message, retryable=False)
