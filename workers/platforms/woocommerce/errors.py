"""The error classes of specification 3, each with a verdict and a code that is safe to show to a tenant.

Every error is a PlatformError: `code` and `message` may be shown, `retryable` is the verdict, `retry_after` is in seconds.
The shop's own text is never in the message; `wc_code` is for the log only. Codes that any platform may have are the same
here.
"""

from __future__ import annotations

from uuid import UUID

from workers.platforms.common.interface import PlatformError

PLATFORM_UNREACHABLE = "PLATFORM_UNREACHABLE"
PLATFORM_TIMED_OUT = "PLATFORM_TIMED_OUT"
PLATFORM_RATE_LIMITED = "PLATFORM_RATE_LIMITED"
PLATFORM_UNAVAILABLE = "PLATFORM_UNAVAILABLE"
PLATFORM_FAILING = "PLATFORM_FAILING"
SHOP_CRASHED = "SHOP_CRASHED"
PLATFORM_ANSWER_UNREADABLE = "PLATFORM_ANSWER_UNREADABLE"
SHOP_ADDRESS_REDIRECTS = "SHOP_ADDRESS_REDIRECTS"
SHOP_REFUSED_KEY = "SHOP_REFUSED_KEY"
SHOP_CLOCK_DIFFERS = "SHOP_CLOCK_DIFFERS"
SHOP_REFUSED_NONCE = "SHOP_REFUSED_NONCE"
SHOP_REFUSED_VALUE = "SHOP_REFUSED_VALUE"
PLAIN_PERMALINKS = "PLAIN_PERMALINKS"
WOOCOMMERCE_MISSING = "WOOCOMMERCE_MISSING"
NOT_IN_SHOP = "NOT_IN_SHOP"
VARIATION_NOT_IN_SHOP = "VARIATION_NOT_IN_SHOP"
DUPLICATE_SKU = "DUPLICATE_SKU"
SKU_IN_TRASH = "SKU_IN_TRASH"
PRODUCT_NOT_CREATED = "PRODUCT_NOT_CREATED"
PRODUCT_IN_TRASH = "PRODUCT_IN_TRASH"
TERM_EXISTS = "TERM_EXISTS"
IMAGE_REFUSED = "IMAGE_REFUSED"
EXTERNAL_WITH_STOCK = "EXTERNAL_WITH_STOCK"
BATCH_TOO_LARGE = "BATCH_TOO_LARGE"
MAPPING_NOT_FOUND = "MAPPING_NOT_FOUND"

MESSAGES = {
    PLATFORM_UNREACHABLE: "The shop could not be reached, or closed the connection before it answered.",
    PLATFORM_TIMED_OUT: "The shop did not answer in time.",
    PLATFORM_RATE_LIMITED: "The shop or its host asked for fewer calls.",
    PLATFORM_UNAVAILABLE: "The shop is in maintenance or overloaded.",
    PLATFORM_FAILING: "The shop answered with an error of its own.",
    SHOP_CRASHED: "A PHP error stopped the request in the shop. Its log (WooCommerce > Status > Logs) names the error.",
    PLATFORM_ANSWER_UNREADABLE: "The shop answered with something that is not data, such as a page of a firewall or a cache.",
    SHOP_ADDRESS_REDIRECTS: "The shop redirects to another address. Set that address as the shop's URL.",
    SHOP_REFUSED_KEY: "The shop refused the consumer key. Create one with read/write permission.",
    SHOP_CLOCK_DIFFERS: "The shop's clock and ours differ by more than 15 minutes, so it refuses signed requests.",
    SHOP_REFUSED_NONCE: "The shop rejected a signed request as a repetition.",
    SHOP_REFUSED_VALUE: "The shop refused a value.",
    PLAIN_PERMALINKS: (
        "The shop does not answer under /wp-json/, and nothing was written. "
        "Choose any structure but Plain under Settings > Permalinks."
    ),
    WOOCOMMERCE_MISSING: "The address answers as WordPress, but WooCommerce is not active there.",
    NOT_IN_SHOP: "The shop no longer has this object.",
    VARIATION_NOT_IN_SHOP: (
        "The shop has deleted this variation, and no other one has its SKU. Create it in the shop again, with this SKU, or "
        "discontinue the product in the ERP."
    ),
    DUPLICATE_SKU: "Another product of the shop has this SKU.",
    SKU_IN_TRASH: "A product in the shop's trash holds this SKU. Restore it, or delete it permanently.",
    PRODUCT_NOT_CREATED: "The shop did not create the product, and no product there has its SKU, not in the trash either.",
    PRODUCT_IN_TRASH: "The product is in the shop's trash. Restore it, or delete it permanently: then it is created again.",
    TERM_EXISTS: "The shop already has a category with this name at this place.",
    IMAGE_REFUSED: "The shop could not download an image, or does not know its id.",
    EXTERNAL_WITH_STOCK: (
        "The product is sold on another site (an external product), for which WooCommerce counts no stock. "
        "Leave its stock out in the ERP, or set manage_stock to false."
    ),
    BATCH_TOO_LARGE: "The shop accepts fewer items in one request than were sent.",
    MAPPING_NOT_FOUND: "The product has never been sent to this shop.",
}


# SHOP_REFUSED_KEY has one text for each cause that can be told. A revoked key and a stripped header look alike.
KEY_MESSAGES = {
    "stripped": (
        "The shop does not know the consumer key: it was revoked or mistyped, or the shop's web server drops the Authorization "
        "header, and the key in the address was refused, too. Create a key with read/write permission; if that does not help, "
        "let the host pass the header on to PHP."
    ),
    "key is invalid": (
        "The shop does not know the consumer key: it was revoked or mistyped. Create one with read/write permission."
    ),
    "secret is invalid": (
        "The shop knows the consumer key, but with another secret. Enter both again, or create a new key."
    ),
    "does not match": "The shop knows the consumer key, but with another secret. Enter both again, or create a new key.",
    "permissions": "The consumer key lacks a permission. Create one with read/write permission.",
    "forbidden": (
        "The user of the consumer key may not manage the shop. Create a key for an administrator or a shop manager, with "
        "read/write permission."
    ),
}


class WooCommerceError(PlatformError):
    """The base of all errors of this package."""

    def __init__(self, code: str, *, retryable: bool, retry_after: float | None = None, message: str = "") -> None:
        super().__init__(code, message or MESSAGES[code], retryable=retryable, retry_after=retry_after)


class WooCommerceApiError(WooCommerceError):
    """The shop answered with an error, of the whole call or of one item of a batch (`status` is then the item's).

    `wc_code` is WooCommerce's own code or "". `resource_id`: the conflicting object, for DUPLICATE_SKU and TERM_EXISTS.
    `fields`: the refused fields, if the shop names them.
    """

    def __init__(
        self,
        code: str,
        *,
        status: int,
        wc_code: str = "",
        resource_id: int | None = None,
        fields: tuple[str, ...] = (),
        retryable: bool,
        retry_after: float | None = None,
        message: str = "",
    ) -> None:
        named = f"The shop refused a value: {', '.join(fields)}." if fields and code == SHOP_REFUSED_VALUE else message
        super().__init__(code, retryable=retryable, retry_after=retry_after, message=named)
        self.status = status
        self.wc_code = wc_code
        self.resource_id = resource_id
        self.fields = fields

    @property
    def is_anonymous(self) -> bool:
        """Whether the shop saw no key that it knows: it has none, or its web server kept the header."""
        return self.status == 401 and self.wc_code.startswith("woocommerce_rest_cannot_")


class RateLimitError(WooCommerceApiError):
    """429. `retry_after` is None if the shop names no time. Waiting it out takes no attempt."""

    def __init__(self, retry_after: float | None) -> None:
        super().__init__(PLATFORM_RATE_LIMITED, status=429, retryable=True, retry_after=retry_after)


SHOP_WIDE = frozenset(
    (
        PLATFORM_UNREACHABLE,
        PLATFORM_TIMED_OUT,
        PLATFORM_RATE_LIMITED,
        PLATFORM_UNAVAILABLE,
        PLATFORM_FAILING,
        PLATFORM_ANSWER_UNREADABLE,
    )
)


def concerns_whole_shop(error: PlatformError) -> bool:
    """Whether the shop or its host failed, so that other calls would fail as well; not what WooCommerce says of one item."""
    wc_code = error.wc_code if isinstance(error, WooCommerceApiError) else ""
    return error.code in SHOP_WIDE and wc_code in (
        "",
        "wp_die",
    )  # WordPress dies of a maintenance, or without a database


class NetworkError(WooCommerceError):
    """No answer: no connection, a broken one, or a timeout. A write may have been done."""

    def __init__(self, code: str = PLATFORM_UNREACHABLE) -> None:
        super().__init__(code, retryable=True)


class ValidationError(WooCommerceError):
    """We refuse to send it, because the shop could not accept it. `message` says why."""

    def __init__(self, message: str, *, code: str = SHOP_REFUSED_VALUE) -> None:
        super().__init__(code, retryable=False, message=message)


class SyncError(WooCommerceError):
    """One product's sync failed for a reason of ours. `code` and `message` are the caller's."""

    def __init__(self, product_id: UUID, sync_type: str, code: str, message: str, *, retryable: bool) -> None:
        super().__init__(code, retryable=retryable, message=message)
        self.product_id = product_id
        self.sync_type = sync_type


class MappingNotFoundError(WooCommerceError):
    """A stock or price change for a product that was never sent to this shop: sync the product first."""

    def __init__(self, product_id: UUID) -> None:
        super().__init__(MAPPING_NOT_FOUND, retryable=False)
        self.product_id = product_id
