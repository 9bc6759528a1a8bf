"""How much of exchanges that stand still one worker keeps."""

from typing import Final

# Each holds a client's connection or stream and a timer. As many as asynchronous calls may be under way.
MOST_PAUSES: Final = 4096
# Octets of bodies that are wanted whole: a quarter of the memory that a small proxy is given.
MOST_OCTETS: Final = 64 * 1024 * 1024


class HoldingRoom:
    """Counts what is held for plugins' wishes, within bounds."""

    __slots__ = ("octets", "pauses")

    def __init__(self) -> None:
        self.pauses = 0
        self.octets = 0

    def take_pause(self) -> bool:
        """Let one more exchange stand still. Returns: False if too many do."""
        if self.pauses >= MOST_PAUSES:
            return False
        self.pauses += 1
        return True

    def end_pause(self) -> None:
        """One of those goes on."""
        self.pauses -= 1

    def take_octets(self, size: int) -> bool:
        """Keep so many octets of a body more. Returns: False if there is no room for them."""
        if self.octets + size > MOST_OCTETS:
            return False
        self.octets += size
        return True

    def give_octets(self, size: int) -> None:
        """So many are kept no more."""
        self.octets -= size
