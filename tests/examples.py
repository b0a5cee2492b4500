"""How many examples a property is tried with: a fifth of them usually, and all by `pytest --hypothesis-profile ci`."""

from hypothesis import settings

SHARE = 20  # of a hundred, which is how many hypothesis tries by itself


def examples(number: int) -> int:
    """As many examples of `number` as the profile in effect tries of a hundred."""
    return max(1, number * settings.default.max_examples // 100)
