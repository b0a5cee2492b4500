"""Say what the made-up shop has: how many pages, and what each thing is called and where it stands.

There is one category for every hundred products and a listing for every twenty, which makes 5,251 pages for
5,000 products. Everything follows from a product's number, so the shop is the same for everybody.
"""

from __future__ import annotations

from dataclasses import dataclass

PER_CATEGORY = 100
PER_LISTING = 20


def words(text: str) -> list[str]:
    return text.split()


NOUNS = words(
    """Lamp Chair Table Kettle Teapot Clock Mirror Basket Blanket Candle Vase Bowl Mug Plate Knife
    Spoon Pan Rug Shelf Stool Bench Cushion Curtain Desk Drawer Easel Frame Globe Hammock Inkwell
    Jar Ladder Mattress Notebook Oven Pillow Quilt Rack Sofa Tray Umbrella Wardrobe Toaster Scale
    Radio Whisk Grater Tongs Ladle Sieve"""
)
ADJECTIVES = words(
    """Copper Oak Linen Amber Slate Ivory Walnut Cobalt Woven Brass Marble Velvet Cedar Pewter Rustic
    Nordic Indigo Crimson Olive Pearl"""
)
STYLES = words("Classic Compact Folding Grand Slim Café Garden Travel Studio Heritage Jubilee Märchen")


@dataclass(frozen=True, slots=True)
class Shop:
    """A shop of `products` product pages whose pages name `http://127.0.0.1:<port>` as their origin."""

    products: int
    port: int

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.origin}/"

    @property
    def categories(self) -> int:
        return -(-self.products // PER_CATEGORY)

    @property
    def pages(self) -> int:
        return 1 + sum(self.listings(category) for category in range(self.categories)) + self.products

    def members(self, category: int) -> range:
        """The products of a category, by number."""
        return range(category * PER_CATEGORY, min((category + 1) * PER_CATEGORY, self.products))

    def listings(self, category: int) -> int:
        return -(-len(self.members(category)) // PER_LISTING)


def category_name(category: int) -> str:
    series, noun = divmod(category, len(NOUNS))
    return f"{NOUNS[noun]}s" if series == 0 else f"{NOUNS[noun]}s {series + 1}"


def listing_path(category: int, number: int = 1) -> str:
    slug = category_name(category).lower().replace(" ", "-")
    return f"/category/{slug}/" if number == 1 else f"/category/{slug}/page-{number}.html"


def product_name(product: int) -> str:
    noun = NOUNS[product // PER_CATEGORY % len(NOUNS)]
    adjective, style = ADJECTIVES[product % len(ADJECTIVES)], STYLES[product // len(ADJECTIVES) % len(STYLES)]
    return f"{adjective} {noun}, {style}"


def product_path(product: int) -> str:
    noun, adjective = NOUNS[product // PER_CATEGORY % len(NOUNS)], ADJECTIVES[product % len(ADJECTIVES)]
    return f"/product/{adjective}-{noun}-{product:06}.html".lower()


def product_price(product: int) -> float:
    return (product * 7919 % 49_000 + 499) / 100
