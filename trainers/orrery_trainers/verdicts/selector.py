"""Waits for input from pipes, sockets and files alike."""

from __future__ import annotations

import selectors


def selector_for(source: int) -> selectors.BaseSelector:
    """The best selector for the source. epoll refuses regular files; poll accepts them and reports them as ready."""
    selector = selectors.DefaultSelector()
    try:
        selector.register(source, selectors.EVENT_READ)
    except PermissionError:
        selector.close()
        return selectors.PollSelector()
    selector.unregister(source)
    return selector
