"""How this process is to use the libraries that decode pictures. Importing `app` changes nothing of them."""

from __future__ import annotations

import contextlib
import ctypes
import warnings

from PIL import Image, _imaging


def configure_runtime() -> None:
    """Call once when a process starts that decodes pictures; a second call changes nothing."""
    Image.MAX_IMAGE_PIXELS = None  # `open_picture` has a limit of its own, checked before anything is decoded
    # What is odd about a client's file does not belong in the service's log.
    warnings.filterwarnings("ignore", module=r"PIL\.")
    silence_libtiff()


def silence_libtiff() -> None:
    """Libtiff writes warnings and errors about a file to standard error, and Pillow has no option against that.

    Its handlers are removed through Pillow's private extension module, which is linked with it. For that reason
    pyproject.toml bounds Pillow's version, and tests/app/test_runtime.py names what is gone in a new release.
    """
    with contextlib.suppress(OSError, AttributeError):  # then libtiff writes, and everything else works
        library = ctypes.CDLL(_imaging.__file__)
        library.TIFFSetErrorHandler(None)
        library.TIFFSetWarningHandler(None)
