"""The language server: the shapes of a PyTorch file in the editor, while it is typed.

The program is followed anew at each edit, never run. Shapes stand as inlay hints behind the lines,
problems and warnings are diagnostics, mends that were tried are code actions, and a layer's
parameters with their shapes are its hover. While a line is no Python, the hints of the lines that
did not change stay.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lsprotocol import types
from pygls.lsp.server import LanguageServer

from .. import __version__
from ..errors import UsageError
from ..network.dims import write_shape
from ..network.spec import Spec
from ..programs.follow import Request
from ..programs.source import source_of
from ..programs.sources import settings
from .program import diagnosed, program_document

Document = dict[str, Any]  # rnnshape/program/1
SOURCE = "rnnshape"


@dataclass(frozen=True)
class Reading:
    """A file as it was last understood: its lines then, and what was found."""

    lines: list[str] = field(default_factory=list)
    found: Document = field(default_factory=dict)

    def stands(self, number: int, lines: list[str]) -> bool:
        """Whether line `number` (from 1) is as it was when the file was understood."""
        at = number - 1
        return at < len(lines) and at < len(self.lines) and lines[at] == self.lines[at]


def server() -> LanguageServer:
    """The server."""
    served = LanguageServer(SOURCE, f"v{__version__}")
    readings: dict[str, Reading] = {}

    def read(uri: str) -> None:
        text = served.workspace.get_text_document(uri)
        found = document_of(text.source, text.path) if "torch" in text.source else {}
        if found is not None:
            readings[uri] = Reading(text.source.splitlines(), found)
        reading = readings.get(uri, Reading())
        served.text_document_publish_diagnostics(
            types.PublishDiagnosticsParams(uri, list(_diagnostics(reading, text.source)))
        )
        if served.client_capabilities.workspace and found is not None:
            refresh = served.client_capabilities.workspace.inlay_hint
            if refresh and refresh.refresh_support:
                served.workspace_inlay_hint_refresh(None)

    def at(uri: str) -> tuple[Reading, list[str]]:
        lines = served.workspace.get_text_document(uri).source.splitlines()
        return readings.get(uri, Reading()), lines

    @served.feature(types.TEXT_DOCUMENT_DID_OPEN)
    def opened(params: types.DidOpenTextDocumentParams) -> None:
        read(params.text_document.uri)

    @served.feature(types.TEXT_DOCUMENT_DID_CHANGE)
    def changed(params: types.DidChangeTextDocumentParams) -> None:
        read(params.text_document.uri)

    @served.feature(types.TEXT_DOCUMENT_DID_CLOSE)
    def closed(params: types.DidCloseTextDocumentParams) -> None:
        readings.pop(params.text_document.uri, None)

    @served.feature(types.TEXT_DOCUMENT_INLAY_HINT)
    def hints(params: types.InlayHintParams) -> list[types.InlayHint]:
        wanted, hints = params.range, _hints(*at(params.text_document.uri))
        return [h for h in hints if wanted.start.line <= h.position.line <= wanted.end.line]

    @served.feature(
        types.TEXT_DOCUMENT_CODE_ACTION,
        types.CodeActionOptions(code_action_kinds=[types.CodeActionKind.QuickFix]),
    )
    def actions(params: types.CodeActionParams) -> list[types.CodeAction]:
        uri, wanted = params.text_document.uri, params.range
        found = _actions(*at(uri), uri)
        return [action for action, line in found if wanted.start.line <= line <= wanted.end.line]

    @served.feature(types.TEXT_DOCUMENT_HOVER)
    def hover(params: types.HoverParams) -> types.Hover | None:
        words = _hover(*at(params.text_document.uri), params.position.line + 1)
        content = types.MarkupContent(types.MarkupKind.Markdown, words)
        return types.Hover(content) if words else None

    return served


def document_of(text: str, path: str) -> Document | None:
    """The document of a program's text; None where it is no Python now."""
    try:
        source = source_of(text, path, path)
    except UsageError:
        return None
    try:
        project = settings(Path(path).parent)
    except UsageError:  # told by the command line; the editor goes on
        project = None
    return program_document(diagnosed(Request(source), project), path, "", {})


def shape(sizes: list[int | str]) -> str:
    """`N×T×160`, of a list of sizes; () of a number."""
    words = [str(size).replace("*", "·") for size in sizes]
    return "×".join(f"({w})" if " " in w or "+" in w else w for w in words) or "()"


def line_shapes(line: Document) -> str:
    """What a line makes of its tensors: `N×T×64 → N×T×160, 4×N×80`; nothing where it has none."""
    calls = line.get("calls") or []
    if calls:
        came = ", ".join(map(shape, calls[0]["inputs"]))
        went = ", ".join(map(shape, calls[-1]["outputs"]))
        return f"{came} → {went}" if came else went
    return ", ".join(f"{name} {shape(sizes)}" for name, sizes in (line.get("names") or {}).items())


def _own(found: Document, entries: str) -> Iterator[Document]:
    """The entries that stand in the file itself, not in one that it imports."""
    file = found.get("file")
    yield from (entry for entry in found.get(entries, ()) if entry.get("file", file) == file)


def _hints(reading: Reading, lines: list[str]) -> Iterator[types.InlayHint]:
    shown_lines = set()
    for line in _own(reading.found, "lines"):
        words, number = line_shapes(line), line["line"]
        if not words or number in shown_lines or not reading.stands(number, lines):
            continue  # a line that runs again with other shapes keeps its first
        shown_lines.add(number)
        end = len(lines[number - 1].encode("utf-16-le")) // 2
        place = types.Position(number - 1, end)
        yield types.InlayHint(place, f"  {words}", tooltip="shapes, by rnnshape", padding_left=True)


def _whole(number: int, lines: list[str]) -> types.Range:
    text = lines[number - 1] if number <= len(lines) else ""
    start = len(text) - len(text.lstrip())
    end = len(text.encode("utf-16-le")) // 2
    return types.Range(types.Position(number - 1, start), types.Position(number - 1, end))


def _faults(found: Document) -> Iterator[tuple[Document, types.DiagnosticSeverity]]:
    yield from ((each, types.DiagnosticSeverity.Error) for each in _own(found, "problems"))
    yield from ((each, types.DiagnosticSeverity.Warning) for each in _own(found, "warnings"))


def _diagnostics(reading: Reading, text: str) -> Iterator[types.Diagnostic]:
    lines = text.splitlines()
    for fault, severity in _faults(reading.found):
        if reading.stands(fault["line"], lines):
            torch = fault.get("torch")
            said = [f"{torch['type']}: {torch['message']}"] if torch else []
            words = "\n".join([*said, fault["why"], *([fault["fix"]] if fault.get("fix") else [])])
            yield types.Diagnostic(
                _whole(fault["line"], lines), words, severity, fault["id"], source=SOURCE
            )


def _actions(
    reading: Reading, lines: list[str], uri: str
) -> Iterator[tuple[types.CodeAction, int]]:
    """The mends, each with its line (from 0); only where the text is what they were tried on."""
    for fault, _ in _faults(reading.found):
        edits = fault.get("edits") or []
        if not edits or lines != reading.lines:
            continue
        changes = [
            types.TextEdit(
                types.Range(
                    types.Position(edit["line"] - 1, 0),
                    types.Position(edit["line"] - 1 + len(_rows(edit["before"])), 0),
                ),
                "".join(f"{row}\n" for row in _rows(edit["after"])),
            )
            for edit in edits
        ]
        title = f"rnnshape: {fault.get('fix') or fault['id']}"
        action = types.CodeAction(
            title if len(title) <= 100 else title[:99] + "…",
            types.CodeActionKind.QuickFix,
            edit=types.WorkspaceEdit({uri: changes}),
        )
        yield action, fault["line"] - 1


def _rows(text: str) -> list[str]:
    return text.rstrip("\n").split("\n") if text else []


def _hover(reading: Reading, lines: list[str], number: int) -> str:
    """A layer's constructor and its parameters, where one is built or called on the line."""
    if not reading.stands(number, lines):
        return ""
    layers = _own(reading.found, "layers")
    here = (one for one in layers if number in (one["line"], *one.get("calls", ())))
    return "\n\n".join(dict.fromkeys(map(layer_words, here)))


def layer_words(layer: Document) -> str:
    """A layer of a program in Markdown: its constructor, its parameters, what passes through."""
    plain = layer["spec"]
    if any(value is None for value in plain.values()):
        known = ", ".join(f"{name}={value}" for name, value in plain.items() if value is not None)
        return f"**{layer['name']}** = nn.{layer['kind']}: {known}; the rest is not known here"
    try:
        spec = Spec.from_dict(plain)
        rows = [f"{p.name:<24} {write_shape(p.shape)}" for p in spec.parameter_list()]
    except UsageError:
        return f"**{layer['name']}** = nn.{layer['kind']}"
    return "\n".join([f"**{layer['name']}** = `{spec.code}`", "```", *rows, "```"])
