"""The command line: python -m app serve | predict | read | template | key | verify-audit"""

from __future__ import annotations

import os

# OpenBLAS starts its threads when NumPy is imported. Here it sees one 28 x 28 image at a time: threads would only take
# memory, 8 MB on two cores.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import sys

from app.server.early_signals import end_on_signals, open_standard_streams, run_clean_ups

if __name__ == "__main__":  # before the imports, which take a second
    open_standard_streams()
    end_on_signals(interrupt="serve" in sys.argv[1:2])
    from app.environment import drop_foreign_variables

    drop_foreign_variables(keep_metrics_folder="--worker" in sys.argv)

import argparse
import hashlib
import re
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from pydantic import ValidationError
from pydantic_settings import BaseSettings

from app import __version__, offline, result_output
from app.audit.verify import BrokenLog, verify_log
from app.environment import Origin, explain, option_of, read_variables, variable_of
from app.errors import StartupError
from app.inference.session import Model
from app.observability.logs import start_logging
from app.observability.process_metrics import share_pid
from app.picture_search import PictureSearch
from app.repository.manifest import Manifest
from app.repository.precision import load_model
from app.repository.signature import Signer
from app.repository.version_folders import newest_of
from app.runtime import configure_runtime
from app.segmentation.fields.template_folder import read_template
from app.server.listeners import Listeners
from app.server.server import Server, run_server
from app.server.startup import log_start, print_line, welcome
from app.server.supervisor import supervise
from app.server.worker import WorkerSpec
from app.settings import SECRETS, ReadingSettings, Settings

# As the model servers of KServe and TensorFlow Serving call them.
OTHER_OPTIONS = {
    "default_model": ("--model-name", "--model_name"),
    "models": ("--model-dir", "--model_dir", "--model-base-path", "--model_base_path"),
}
EXIT_INTERRUPTED = 130  # as shells report SIGINT


def main(argv: list[str] | None = None) -> int:
    argv = sys.argv[1:] if argv is None else argv
    arguments = build_parser().parse_args(argv)
    arguments.argv = argv
    used = arguments.settings
    options = {
        name: value for name, value in vars(arguments).items() if name in used.model_fields and value is not None
    }
    configure_runtime()
    try:
        arguments.origins = origins_of(used, options)
        settings = used(**options)
        return arguments.run_verb(settings, arguments)  # type: ignore[no-any-return]  # argparse's namespace is untyped
    except ValidationError as error:
        print(f"error: {explain(error, arguments.origins, SECRETS)}", file=sys.stderr)
    except StartupError as error:
        print(f"error: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    return 1


def origins_of(settings: type[BaseSettings], options: Mapping[str, object]) -> dict[str, Origin]:
    """Where each setting that is not a default comes from."""
    variables = read_variables(settings.model_fields, known=Settings.model_fields)
    return variables | {name: Origin(option_of(name), str(value)) for name, value in options.items()}


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m app", description="Reads handwritten digits.")
    parser.add_argument("--version", action="version", version=f"digits {__version__}")
    verbs = parser.add_subparsers(required=True, metavar="VERB")

    verb = verbs.add_parser("serve", help="start the service")
    add_settings(verb, *Settings.model_fields)
    verb.add_argument("--worker", type=WorkerSpec.parse, help=argparse.SUPPRESS)  # passed by the supervisor
    verb.set_defaults(run_verb=serve, settings=Settings)

    verb = verbs.add_parser("predict", help="read pictures of one digit each, files and folders, without a server")
    add_files(verb)
    verb.set_defaults(run_verb=predict, settings=ReadingSettings)

    verb = verbs.add_parser("read", help="read pictures of several digits, files and folders, without a server")
    add_files(verb)
    verb.add_argument("--template", type=file_argument, metavar="FILE", help="template of a form: reads its fields")
    add_settings(verb, "max_pictures")
    verb.set_defaults(run_verb=read, settings=ReadingSettings)

    verb = verbs.add_parser("template", help="propose a template from the boxes and corner marks of a blank form")
    verb.add_argument("form", type=file_argument, metavar="FILE", help="a picture of the blank form, upright")
    add_settings(verb, "max_pixels")
    verb.set_defaults(run_verb=template, settings=ReadingSettings)

    verb = verbs.add_parser("key", help="make a new API key, and its digest for the settings")
    verb.set_defaults(run_verb=key, settings=BaseSettings)

    verb = verbs.add_parser("verify-audit", help="check that no record of an audit log was changed, removed or moved")
    verb.add_argument("file", type=file_argument, metavar="FILE", help="the audit log (DIGITS_AUDIT_LOG)")
    verb.add_argument("--expect", type=hash_argument, metavar="HASH", help="last hash of an earlier check")
    verb.set_defaults(run_verb=verify_audit, settings=BaseSettings)
    return parser


def add_files(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "paths",
        nargs="+",
        type=file_argument,
        metavar="FILES",
        help="pictures, folders of pictures, or - for a picture on standard input",
    )
    parser.add_argument("--model", dest="default_model", help="name of the model")
    parser.add_argument("--format", choices=sorted(result_output.WRITERS), default="table", help="format of the output")
    add_settings(parser, "device", "precision", "models", "require_signature_by", "max_batch_size", "max_pixels")


def file_argument(text: str) -> Path:
    if not text:  # Path("") is the current folder
        raise argparse.ArgumentTypeError("a path is empty")
    return Path(text)


def hash_argument(text: str) -> str:
    if not re.fullmatch("[0-9a-fA-F]{64}", text):
        raise argparse.ArgumentTypeError("it is not a hash: 64 hexadecimal digits, as an earlier check printed them")
    return text.lower()


def add_settings(parser: argparse.ArgumentParser, *names: str) -> None:
    """Each setting as an option with the setting's description. `Settings` checks the values."""
    for name in names:
        field = Settings.model_fields[name]
        text = f"{field.description} (default: {field.default or field.get_default()}; {variable_of(name)})"
        flag: dict[str, Any] = {"nargs": "?", "const": "true"} if field.annotation is bool else {}
        options = (option_of(name), *OTHER_OPTIONS.get(name, ()))
        parser.add_argument(*options, help=text.replace("%", "%%"), metavar=name.upper(), **flag)


def serve(settings: Settings, arguments: argparse.Namespace) -> NoReturn:
    """Ends the process, or raises `StartupError`."""
    start_logging(settings.log_level, settings.log_format, access_log=settings.access_log)
    if arguments.worker:
        serve_as_worker(settings, arguments.worker)
    log_start(settings, arguments.origins)
    listeners = Listeners.bind(settings)

    def print_welcome(device: str) -> None:
        print_line(welcome(listeners, device))

    try:
        if settings.workers > 1:
            supervise(arguments.argv, listeners, settings, print_welcome)
        run_server(settings, listeners, lambda server: print_welcome(server.device))
    finally:
        run_clean_ups()


def serve_as_worker(settings: Settings, spec: WorkerSpec) -> NoReturn:
    """One of several processes. Its supervisor prints why it cannot start, once for all workers."""

    def report(server: Server) -> None:
        spec.send(f"ready {server.device}")
        spec.send_heartbeat(on_orphaned=server.retire)

    spec.share_metrics()
    share_pid()
    try:
        run_server(settings, spec.open_listeners(), report)
    except StartupError as error:
        spec.send(f"error {error}")
        sys.exit(1)


def predict(settings: ReadingSettings, arguments: argparse.Namespace) -> int:
    manifest, model = load_newest(settings)
    files = PictureSearch(arguments.paths, offline.optional_suffixes(documents=False))
    results = offline.read_files(
        files, model, manifest, batch_size=settings.max_batch_size, max_pixels=settings.max_pixels
    )
    return result_output.write(results, offline.DIGIT_COLUMNS, arguments.format, files)


def read(settings: ReadingSettings, arguments: argparse.Namespace) -> int:
    manifest, model = load_newest(settings)
    files = PictureSearch(arguments.paths, offline.optional_suffixes(documents=True))
    if arguments.template is None:
        pages = offline.read_pages(
            files, model, manifest, max_digits=settings.max_pictures, max_pixels=settings.max_pixels
        )
        return result_output.write(pages, offline.PAGE_COLUMNS, arguments.format, files)
    form = read_template(arguments.template)
    limits = offline.Limits(settings.max_pictures, settings.max_pixels)
    forms = offline.read_forms(files, form, model, manifest, limits)
    return result_output.write(forms, offline.columns_of_forms(form), arguments.format, files)


def template(settings: ReadingSettings, arguments: argparse.Namespace) -> int:
    print(offline.propose_template(arguments.form, settings.max_pixels).model_dump_json(exclude_none=True, indent=2))
    return 0


def key(settings: BaseSettings, arguments: argparse.Namespace) -> int:
    new_key = secrets.token_urlsafe(32)
    print(f"key     {new_key}  (for the client; it is not stored)")
    print(f"digest  {hashlib.sha256(new_key.encode()).hexdigest()}  (for DIGITS_API_KEYS or DIGITS_ADMIN_KEYS)")
    return 0


def verify_audit(settings: BaseSettings, arguments: argparse.Namespace) -> int:
    try:
        print(verify_log(arguments.file, arguments.expect))
    except BrokenLog as error:
        print(f"{arguments.file}: {error}")
        return 1
    except OSError as error:
        raise StartupError(f"{arguments.file} cannot be read: {error.strerror}") from error
    return 0


def load_newest(settings: ReadingSettings) -> tuple[Manifest, Model]:
    signer = Signer.read(settings.require_signature_by) if settings.require_signature_by else None
    manifest, graphs = newest_of(settings.models, settings.default_model).read(signer)
    return manifest, load_model(graphs, settings.device, settings.precision, settings.max_batch_size)


if __name__ == "__main__":
    sys.exit(main())
