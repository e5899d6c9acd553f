"""The first screens of the page: the answer, gates to look at, what must not be concluded."""
