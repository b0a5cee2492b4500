"""Builds the site: `python -m docs.site` writes it into `site/`.

The pages are those of `docs/`, which stay plain Markdown, and four that are made from the code: the public names, the
options of the command, `llms.txt` and `llms-full.txt`. They are put into a temporary folder, with an anchor for each
setting and each reason, and Zensical makes the site of them. Any dead link or unknown anchor fails the build.
"""
