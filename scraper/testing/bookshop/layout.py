"""What every page of the shop has in common: head, style, banner, breadcrumbs and footer."""

from collections.abc import Sequence
from html import escape

STYLE = """
body{margin:0 auto;max-width:60rem;padding:0 1.5rem;background:#fbf7ef;color:#2b2622;
  font:1rem/1.55 Georgia,serif}
a{color:#7a2e1d;text-decoration-thickness:1px;text-underline-offset:.15em}
h1,h2,h3{line-height:1.2;font-weight:600}
small,.by,.count,.motto,footer,.breadcrumbs{color:#756b60;font-size:.88rem}
.banner{display:flex;flex-wrap:wrap;gap:.5rem 1.5rem;align-items:center;padding:1.2rem 0;
  border-bottom:3px double #d9cdb8}
.banner strong{font-size:1.4rem;margin-right:auto}.banner strong a{text-decoration:none}
.banner input,.banner button{font:inherit;padding:.15rem .5rem;
  border:1px solid #cbbda4;border-radius:.3rem;background:#fff}
.breadcrumbs ol{display:flex;flex-wrap:wrap;gap:.4rem;list-style:none;padding:0}
.breadcrumbs li+li::before{content:"/ "}
.categories ul,.authors{list-style:none;padding:0;columns:4 11rem}
.grid{display:grid;grid-template-columns:repeat(auto-fill,minmax(11rem,1fr));gap:1.6rem 1.2rem}
.book{padding:1rem;background:#fffdf8;border:1px solid #e6dcc9;border-radius:.5rem}
.book h3{margin:.6rem 0 .2rem;font-size:1.02rem}.book p{margin:.2rem 0}
img{border-radius:.2rem;box-shadow:0 2px 8px #0003}
.price{font-weight:600}.rating{color:#b8741a;letter-spacing:.08em}
.product{display:flex;flex-wrap:wrap;gap:2rem}.product div{flex:1 1 22rem}.product h1{margin-top:0}
.product .price{font-size:1.5rem}.availability{color:#2f6b3a}.availability.none{color:#a33}
.facts{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1rem}.facts dd{margin:0}
.basket{display:inline-block;padding:.4rem 1rem;border-radius:.4rem;background:#7a2e1d;
  color:#fff;text-decoration:none}
.pager{display:flex;justify-content:center;gap:1.5rem;margin:2rem 0}
footer{margin-top:3rem;padding:1rem 0 2rem;border-top:3px double #d9cdb8}
""".strip()


def layout(title: str, main: str, *, trail: Sequence[tuple[str, str]] = (), heading: bool = True) -> str:
    """A whole page around `main`, which is HTML. The trail is (href, text) pairs up to this page."""
    top = f"<h1>{escape(title)}</h1>" if heading else ""
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)} | The Paper Lantern</title>
<link rel="icon" href="data:,">
<style>
{STYLE}
</style>
</head>
<body>
<header class="banner"><strong><a href="/">The Paper Lantern</a></strong>
<form class="search" action="/search"><input type="search" name="q" aria-label="Search">\
 <button>Search</button></form>
<nav><a href="/authors">Authors</a> · <a href="/about">About</a> · <a href="/cart/">Basket</a></nav></header>
{_breadcrumbs(trail)}
<main>
{top}
{main}
</main>
<footer>The Paper Lantern, a bookshop for crawlers. <a href="/admin/">Staff only</a></footer>
</body>
</html>
"""


def _breadcrumbs(trail: Sequence[tuple[str, str]]) -> str:
    if not trail:
        return ""
    *parents, (_, here) = trail
    links = "".join(f'<li><a href="{href}">{escape(text)}</a></li>' for href, text in parents)
    return (
        '<nav class="breadcrumbs" aria-label="Breadcrumbs">'
        f'<ol>{links}<li aria-current="page">{escape(here)}</li></ol></nav>'
    )
