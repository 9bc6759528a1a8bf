"""What translation has worked out before, so that an edit costs as much as what it touches."""

from collections.abc import Callable, Hashable
from typing import Final, Generic, TypeVar

Made = TypeVar("Made")

# A proxy that was away for so many changes of the store pays for its translation anew.
_GENERATIONS_KEPT: Final = 8


class Memory(Generic[Made]):
    """Values by name, each kept for as long as what it was made of stays equal. Not for several threads at once."""

    __slots__ = ("_generation", "_kept")

    def __init__(self) -> None:
        self._generation = 0
        self._kept: Final[dict[Hashable, tuple[int, tuple[object, ...], Made]]] = {}

    def get(self, name: Hashable, sources: tuple[object, ...], make: Callable[[], Made]) -> Made:
        """The value called `name`: the one kept if it was made of equal `sources`, else what `make` returns."""
        found = self._kept.get(name)
        if found is not None:
            generation, known, value = found
            if known == sources:
                # Of equal sources the newer ones are kept: comparing an object with itself is the quick case.
                if generation != self._generation:
                    self._kept[name] = (self._generation, sources, value)
                return value
        value = make()
        self._kept[name] = (self._generation, sources, value)
        return value

    def last(self, name: Hashable) -> Made | None:
        """The value called `name`, whatever it was made of; None: it is not kept."""
        found = self._kept.get(name)
        return None if found is None else found[2]

    def next_generation(self) -> None:
        """The store has changed: forget what was not asked for during several changes."""
        self._generation += 1
        oldest = self._generation - _GENERATIONS_KEPT
        for name in [name for name, (generation, _, _) in self._kept.items() if generation < oldest]:
            del self._kept[name]

    def __len__(self) -> int:
        return len(self._kept)
