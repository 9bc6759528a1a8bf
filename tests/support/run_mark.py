"""By this variable the processes are known that tests have started, so that those left over are found and ended."""

from typing import Final

RUN_MARK: Final = "HAUBERK_TEST_RUN"
