"""Write the HTML of the shop: an index, listings, and product pages of about 14 KB with 40 links each.

Links lead only to pages of the shop, and stand in all the ways they stand in the wild: path-absolute,
relative, with `../`, and with the whole origin (which is why a shop must know its port before it is written).
"""

from __future__ import annotations

import json
from html import escape
from random import Random

from catalogue import (
    ADJECTIVES,
    PER_CATEGORY,
    PER_LISTING,
    Shop,
    category_name,
    listing_path,
    product_name,
    product_path,
    product_price,
    words,
)

BRANDS = ["Hearth & Co", "Møller", "Birchwood", "Señora Casa", "Ferris + Sons", "Kiln <One>", "Plainspoken"]
COUNTRIES = words("Portugal Denmark Japan Slovenia Canada Morocco Vietnam Estonia")
COLOURS = words("black white sand moss rust navy chalk plum")
NAMES = words("Ada Bruno Chidi Dalia Émile Farid Greta Hana Ivo Jun Katya Luís Mei Nils Oona Priya")
WORDS = words(
    """the a this every quiet morning kitchen table holds light warm evening carefully made by hand
    from reclaimed timber and finished with natural oil which deepens over years of daily use while
    small workshop keeps its traditional tools beside modern ones so that nothing is wasted & each
    piece differs slightly in grain colour or weight you will notice how well it sits next to older
    things because we drew it after them not against"""
)


def sentence(random: Random, words: int) -> str:
    return escape(" ".join(random.choices(WORDS, k=words)).capitalize() + ".", quote=False)


def head(title: str, *metas: str) -> str:
    entries = "".join(f"{meta}\n" for meta in metas)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title, quote=False)} | The Made-Up Shop</title>
{entries}<link rel="stylesheet" href="/static/shop.css">
<link rel="icon" href="/static/favicon.ico">
<script src="/static/shop.js" defer></script>
</head>
<body>
"""


def navigation(shop: Shop, near: int) -> str:
    """Ten links: home, and nine categories beginning with the one that is `near`."""
    entries = "".join(
        f'<li class="nav-item"><a class="nav-link" href="{listing_path(category)}">{category_name(category)}</a></li>\n'
        for category in ((near + step) % shop.categories for step in range(9))
    )
    return f"""<header class="site-header">
<a class="logo" href="/"><img src="/static/logo.svg" alt="The Made-Up Shop" width="160" height="40"></a>
<form class="search" action="/search" method="get"><input type="search" name="q" placeholder="Search"></form>
<nav class="site-nav"><ul class="nav">
{entries}</ul></nav>
</header>
"""


def footer(shop: Shop, near: int) -> str:
    """Four links with the whole origin: home and three categories."""
    entries = "".join(
        f'<li><a class="foot-link" href="{shop.origin}{listing_path(category)}">{category_name(category)}</a></li>\n'
        for category in ((near + 10 * step) % shop.categories for step in range(1, 4))
    )
    return f"""<footer class="site-footer">
<p class="legal">© The Made-Up Shop. Prices include VAT; nothing here is for sale.</p>
<ul class="foot"><li><a class="foot-link" href="{shop.origin}/">Home</a></li>
{entries}</ul>
</footer>
</body>
</html>
"""


def index_page(shop: Shop) -> str:
    entries = "".join(
        f'<li class="category"><a href="{listing_path(category)}">{category_name(category)}</a></li>\n'
        for category in range(shop.categories)
    )
    return f"""{head("All categories")}{navigation(shop, 0)}<main>
<h1>All categories</h1>
<ul class="categories">
{entries}</ul>
</main>
{footer(shop, 0)}"""


def listing_page(shop: Shop, category: int, number: int) -> str:
    members = shop.members(category)[(number - 1) * PER_LISTING : number * PER_LISTING]
    cards = "".join(
        f"""<li class="card">
<a class="card-image" href="{product_path(product)}">
<img src="/images/{product:06}-1.jpg" alt="" loading="lazy"></a>
<h2 class="card-title"><a href="../..{product_path(product)}">{escape(product_name(product))}</a></h2>
<p class="card-price">€{product_price(product):.2f}</p>
</li>
"""
        for product in members
    )
    last = shop.listings(category)
    pager = "".join(
        f'<li><a class="page" href="{listing_path(category, page)}">{page}</a></li>\n' for page in range(1, last + 1)
    )
    following = f'<a class="next" href="page-{number + 1}.html">Next page</a>' if number < last else ""
    title = f"{category_name(category)}, page {number} of {last}"
    return f"""{head(title)}{navigation(shop, category)}<main>
<h1>{title}</h1>
<ol class="cards">
{cards}</ol>
<ul class="pager">
{pager}</ul>
{following}
</main>
{footer(shop, category)}"""


def product_page(shop: Shop, product: int) -> str:
    """The page of one product: 40 links, and an item of 30 fields (`fields.py`)."""
    random = Random(product)
    category = product // PER_CATEGORY
    members = shop.members(category)
    place = product - members.start
    name, sku = escape(product_name(product)), f"MU-{product:06}"
    price, discount = product_price(product), random.choice((5, 10, 15, 20, 25))
    image = f"{shop.origin}/images/{product:06}"
    related = [(product + random.randrange(1, shop.products + 1)) % shop.products for _ in range(8)]
    bought = [(product + random.randrange(1, shop.products + 1)) % shop.products for _ in range(5)]
    before, after = members[place - 1], members[(place + 1) % len(members)]
    gallery = "".join(
        f'<li class="thumb"><img class="thumb-image" src="/images/{product:06}-{number}.jpg" alt="{name}, '
        f'view {number}" width="96" height="96" loading="lazy"></li>\n'
        for number in range(1, 6)
    )
    paragraphs = "".join(f'<p class="para">{sentence(random, random.randrange(80, 96))}</p>\n' for _ in range(4))
    tags = "".join(f'<li class="tag">{word}</li>\n' for word in random.sample(COLOURS, 4))
    specs = "".join(
        f'<tr class="spec"><th scope="row">{label}</th><td>{value}</td></tr>\n'
        for label, value in {
            "Width": f"{random.randrange(10, 200)} cm",
            "Height": f"{random.randrange(10, 200)} cm",
            "Depth": f"{random.randrange(10, 90)} cm",
            "Weight": f"{random.randrange(200, 20_000)} g",
            "Material": random.choice(ADJECTIVES).lower(),
            "Made by": escape(random.choice(NAMES)),
            "Care": sentence(random, 5),
            "Parts": str(random.randrange(1, 24)),
        }.items()
    )
    reviews = "".join(
        f"""<li class="review">
<h3 class="review-title">{sentence(random, 4)}</h3>
<p class="review-by"><span class="review-author">{random.choice(NAMES)}</span> on
<time class="review-date" datetime="2024-0{number}-11">{random.randrange(1, 29)} March 2024</time></p>
<p class="review-stars">{random.randrange(1, 6)} of 5</p>
<p class="review-body">{sentence(random, random.randrange(56, 72))}</p>
</li>
"""
        for number in range(1, 4)
    )
    also = "".join(
        f"""<li class="mini">
<a class="mini-image" href="{product_path(other)}">
<img src="/images/{other:06}-1.jpg" alt="" loading="lazy"></a>
<a class="mini-title" href="{shop.origin}{product_path(other)}">{escape(product_name(other))}</a>
<span class="mini-price">€{product_price(other):.2f}</span>
</li>
"""
        for other in related
    )
    together = "".join(
        f'<li><a class="together-link" href="..{product_path(other)}">{escape(product_name(other))}</a></li>\n'
        for other in bought
    )
    listing = listing_path(category, place // PER_LISTING + 1)
    linked_data = {
        "@context": "https://schema.org",
        "@type": "Product",
        "sku": sku,
        "name": product_name(product),
        "image": [f"{image}-{number}.jpg" for number in range(1, 6)],
        "offers": {"@type": "Offer", "priceCurrency": "EUR", "price": price, "availability": "InStock"},
    }
    metas = (
        f'<meta name="description" content="{name}: {sentence(random, 18)}">',
        f'<link rel="canonical" href="{shop.origin}{product_path(product)}">',
        '<meta property="og:type" content="product">',
        f'<meta property="og:title" content="{name}">',
        f'<meta property="og:image" content="{image}-1.jpg">',
        '<meta name="twitter:card" content="summary_large_image">',
        f'<script type="application/ld+json">{json.dumps(linked_data)}</script>',
    )
    return f"""{head(product_name(product), *metas)}{navigation(shop, category)}<main>
<ol class="breadcrumbs">
<li><a class="crumb" href="/">Home</a></li>
<li><a class="crumb" href="..{listing_path(category)}">{category_name(category)}</a></li>
<li><a class="crumb" href="..{listing}">Page {place // PER_LISTING + 1}</a></li>
</ol>
<article class="product" data-sku="{sku}" itemscope>
<h1 class="title">{name}</h1>
<p class="subtitle">{sentence(random, 8)}</p>
<p class="by">by <span class="brand">{escape(random.choice(BRANDS))}</span></p>
<section class="gallery">
<img class="main-image" src="{image}-1.jpg" alt="{name}" width="640" height="640">
<ul class="thumbs">
{gallery}</ul>
</section>
<section class="offer">
<meta itemprop="priceCurrency" content="EUR">
<p class="prices"><span class="price">€{price:.2f}</span>
<del class="old-price">€{price / (1 - discount / 100):.2f}</del>
<span class="discount">-{discount}%</span></p>
<p class="stars" data-rating="{random.randrange(10, 51) / 10}">
<i class="star full"></i><i class="star full"></i><i class="star full"></i>
<i class="star half"></i><i class="star"></i>
<span class="review-count">{random.randrange(3, 900)} reviews</span></p>
<p class="stock"><span class="stock-text">In stock ({random.randrange(1, 60)} available)</span></p>
<dl class="facts">
<dt>Article</dt><dd class="sku">{sku}</dd>
<dt>EAN</dt><dd class="ean">{random.randrange(10**12, 10**13)}</dd>
<dt>Delivery</dt><dd class="delivery">{random.randrange(1, 4)} to {random.randrange(4, 9)} working days</dd>
<dt>Returns</dt><dd class="returns">within {random.choice((14, 30, 60))} days</dd>
<dt>Warranty</dt><dd class="warranty">{random.randrange(1, 11)} years</dd>
<dt>Origin</dt><dd class="origin">{random.choice(COUNTRIES)}</dd>
<dt>Colour</dt><dd class="colour">{random.choice(COLOURS)}</dd>
<dt>Since</dt><dd class="since">{random.randrange(1990, 2024)}</dd>
</dl>
<form class="buy" action="/basket/add" method="post">
<input type="hidden" name="sku" value="{sku}">
<label>Quantity <input type="number" name="quantity" value="1" min="1" max="20"></label>
<button class="button primary" type="submit">Add to basket</button>
</form>
<div class="seller-box"><span class="seller">{escape(random.choice(BRANDS))}</span>
<span class="seller-rating">{random.randrange(80, 100)}% positive</span></div>
</section>
<section class="about">
<h2>About this product</h2>
<p class="summary">{sentence(random, 25)}</p>
{paragraphs}<ul class="tags">
{tags}</ul>
</section>
<section class="specification">
<h2>Specification</h2>
<table class="specs"><tbody>
{specs}</tbody></table>
</section>
<section class="opinions">
<h2>What others say</h2>
<ul class="reviews">
{reviews}</ul>
</section>
</article>
<nav class="neighbours">
<a class="previous" rel="prev" href="{product_path(before).rpartition("/")[2]}">Previous</a>
<a class="following" rel="next" href="{product_path(after).rpartition("/")[2]}">Next</a>
</nav>
<aside class="related">
<h2>You may also like</h2>
<ul class="minis">
{also}</ul>
</aside>
<aside class="together">
<h2>Often bought together</h2>
<ul>
{together}</ul>
</aside>
</main>
{footer(shop, category)}"""
