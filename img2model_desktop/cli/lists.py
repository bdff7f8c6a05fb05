"""`img2model engines`, `operations` and `presets`: what there is to choose from."""

import argparse
from dataclasses import asdict, fields
from typing import Any

from img2model_desktop import paths
from img2model_desktop.cli.speech import print_json
from img2model_desktop.core.options import about, expected


def add_engines(parser: argparse.ArgumentParser) -> None:
    """Gives the command its arguments."""
    _add_json(parser)
    parser.set_defaults(run=_engines)


def add_operations(parser: argparse.ArgumentParser) -> None:
    """Gives the command its arguments."""
    _add_json(parser)
    parser.set_defaults(run=_operations)


def add_presets(parser: argparse.ArgumentParser) -> None:
    """Gives the command its arguments."""
    _add_json(parser)
    parser.set_defaults(run=_presets)


def _add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="one JSON object a line")


def _engines(arguments: argparse.Namespace) -> int:
    from img2model_desktop.core.request import Quality
    from img2model_desktop.engines import catalog
    from img2model_desktop.engines.base import build_options, memory_in_words, ways

    for spec in catalog.ENGINES:
        usual = build_options(spec, Quality.STANDARD, {})
        names = ("key", "title", "summary", "licence")
        plain = {name: getattr(spec, name) for name in names} | {"role": str(spec.role), "styles": list(spec.styles)}
        waits_for = _waits_for(spec.weights)
        if arguments.json:
            weights = {"weights": spec.weights, "is_ready": not waits_for}
            memory = [{"way": way.title, "mib": way.mib, "card_mib": way.card_mib} for way in ways(spec, usual)]
            print_json(plain | weights | {"options": _options(spec.options), "memory": memory})
            continue
        print(f"{spec.key}  ({spec.role}, {spec.licence})  {spec.title}: {spec.summary}")
        if waits_for:
            print(f"    {waits_for}")
        print(f"    {memory_in_words(spec, usual)}")
        if spec.styles:
            print(f"    styles: {', '.join(spec.styles)}")
        _print_options(spec.options)
    return 0


def _waits_for(key: str) -> str:
    """Why an engine that needs a set of weights cannot run yet, or ""."""
    if not key:
        return ""
    from img2model_desktop.engines.weights.library import Library
    from img2model_desktop.errors import SetupProblem

    try:
        Library(paths.weights_dir()).folder(key)
    except SetupProblem as problem:
        return str(problem)
    return ""


def _operations(arguments: argparse.Namespace) -> int:
    from img2model_desktop.core.workshop.catalog import OPERATIONS

    for operation in OPERATIONS:
        if arguments.json:
            plain = {name: getattr(operation, name) for name in ("key", "title", "summary")}
            print_json(plain | {"group": operation.group.value, "options": _options(operation.options)})
            continue
        print(f"{operation.key}  ({operation.group.value})  {operation.title}: {operation.summary}")
        _print_options(operation.options)
    return 0


def _presets(arguments: argparse.Namespace) -> int:
    from img2model_desktop.jobs.presets import PRESETS

    for preset in PRESETS:
        chosen = {name: value for name, value in asdict(preset.options).items() if value is not None}
        if arguments.json:
            plain = {name: getattr(preset, name) for name in ("key", "title", "summary", "suffix")}
            print_json(plain | {"options": chosen})
            continue
        print(f"{preset.key}  ({preset.suffix})  {preset.title}: {preset.summary}")
        print(f"    {', '.join(f'{name} = {value}' for name, value in chosen.items())}")
    return 0


def _options(record: type) -> list[dict[str, Any]]:
    return [{"name": item.name, "default": item.default, **asdict(about(item))} for item in fields(record)]


def _print_options(record: type) -> None:
    for item in fields(record):
        print(f"    {item.name} = {item.default}  ({expected(item)})  {about(item).help}")
