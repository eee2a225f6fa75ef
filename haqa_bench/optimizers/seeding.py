"""A trial's own random numbers, from its study's seed and its number alone, so that a resumed study
draws what it would have drawn.
"""

import hashlib
import random


def generator(seed: int, trial: int, of: str = "") -> random.Random:
    """Seeded by SHA-256 of the canonical JSON of its arguments; `of` keeps several generators of
    one trial apart.
    """
    named = f'"of":"{of}",' if of else ""
    canonical = f'{{{named}"seed":{seed},"trial":{trial}}}'
    return random.Random(hashlib.sha256(canonical.encode()).hexdigest())
