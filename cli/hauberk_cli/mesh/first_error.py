"""What a person is told of errors that came in a group."""


def first_error(error: BaseException, expected: tuple[type[BaseException], ...]) -> BaseException:
    """The first error of a group, however deep: those beside it mostly follow from it.

    Args: error - a group, or an error by itself; expected - what a person can be told. A group that holds something else too is a
    fault of ours and comes back as it is, so that nothing is hidden.
    """
    errors = _leaves(error)
    return errors[0] if all(isinstance(leaf, expected) for leaf in errors) else error


def _leaves(error: BaseException) -> list[BaseException]:
    if not isinstance(error, BaseExceptionGroup):
        return [error]
    return [leaf for inner in error.exceptions for leaf in _leaves(inner)]
