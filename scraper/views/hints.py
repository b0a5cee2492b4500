"""What a common error in a spider's code probably means, and what to write instead, for the line that reports it."""

import re

_HINTS = (
    (r"'coroutine' object", "is `await` missing? self.fetch() and the like need it, in an `async def` callback"),
    (r"'async_generator' object", "is `async` missing? loop over it with `async for`"),
    (r"'NoneType' object", "was something not found? get() gives None then; get(default='') gives a text"),
    (r"\bparse\w*\(\) takes 1 positional argument but 2", "a callback takes the response: `def parse(self, response)`"),
    (r"got an unexpected keyword argument", "every key of cb_kwargs is a parameter of the callback"),
    (r"gave an? (SelectorList|Selector)\b", "add .get() or .getall(), and give a dict: {'title': …}"),
    (r"gave an? (str|int|float|bytes|Decimal)\b", "did you mean a dict, as in `yield {'title': …}`?"),
    (r"gave a coroutine\b", "is `await` missing?"),
    (r"of type (SelectorList|Selector) cannot be written", "add .get() or .getall()"),
)


def hint(text: str) -> str:
    """A few words to put behind the error `text`, in parentheses; "" if there is nothing that would help."""
    found = next((words for pattern, words in _HINTS if re.search(pattern, text)), "")
    return f" ({found})" if found else ""
