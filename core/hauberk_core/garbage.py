"""Python's collector of cyclic garbage, kept off the road of requests, and of configurations.

What a request makes is freed by counting references: it leaves no cycle behind (a test holds it). Yet the collector's defaults
have it look whenever 700 objects more were made than freed, which a few dozen requests under way amount to, and now and then at
everything that was loaded since the start, for milliseconds in which nobody is served. Control and agents, which have loaded
more, would be held up for dozens of them in the middle of a change.
"""

import gc
from typing import Final

# Young objects before the collector looks at them: those of some 500 requests under way. Cycles of other kinds (a task that
# failed, a configuration that was replaced) are few, and so many objects of them are below 2 MiB.
YOUNG: Final = 10_000


def settle() -> None:
    """Take what stands now for permanent, and look for garbage among the rest less often.

    For a process that has loaded what it needs and is about to serve. What is permanent is still freed when its last reference
    goes; only cycles within it would stay.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG)
