"""XML namespaces: what prefixes stand for, and names with their namespace (Namespaces in XML 1.0, 3).

A name with its namespace is written `{namespace}name`, as ElementTree and lxml do. A prefix that no xmlns declares
is taken for a namespace.
"""

Namespaces = dict[str | None, str]
"""What each prefix stands for; None is the prefix of names without one."""

XML = "http://www.w3.org/XML/1998/namespace"
BASE = f"{{{XML}}}base"
"""The name of xml:base, which says where the references in an element start from (XML Base)."""


def split_tag(tag: object) -> tuple[str, str]:
    """Namespace and local name of a tag; two empty texts for a comment or the like, whose tag is not a text."""
    if not isinstance(tag, str):
        return "", ""
    space, brace, name = tag.rpartition("}")
    return space[1:] if brace else "", name


def declared_namespaces(attributes: dict[str, str]) -> Namespaces:
    """The namespaces that an element declares in its attributes, as the document has them."""
    found = ((name.partition(":"), uri) for name, uri in attributes.items() if name.startswith("xmlns"))
    return {prefix or None: uri for (word, _, prefix), uri in found if word == "xmlns"}


def qualified_attributes(attributes: dict[str, str], scope: Namespaces) -> dict[str, str]:
    """An element's attributes by their names with namespaces, without the declarations."""
    kept = {}
    for name, value in attributes.items():
        prefix, colon, local = name.rpartition(":")
        if not colon:
            kept[name] = value
        elif prefix != "xmlns":
            kept[f"{{{scope.get(prefix, prefix)}}}{local}"] = value
    kept.pop("xmlns", None)
    return kept
