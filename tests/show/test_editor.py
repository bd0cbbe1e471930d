"""The language server, spoken to as an editor does: over stdin and stdout."""

import asyncio
import subprocess
import sys

import pytest
from conftest import ROOT, installed

pytestmark = pytest.mark.skipif(not installed("pygls"), reason="pygls is not installed")

MODEL = """\
import torch
from torch import nn


class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(50, 8)
        self.lstm = nn.LSTM(8, 16, batch_first=True)
        self.fc = nn.Linear(16, 5)

    def forward(self, x):
        e = self.embedding(x)
        out, (h, c) = self.lstm(e)
        return self.fc(out)


y = Tagger()(torch.randint(0, 50, (4, 7)))
"""
FAILS = MODEL.replace("nn.Linear(16, 5)", "nn.Linear(8, 5)")


@pytest.fixture(scope="module")
def spoken():
    """What a conversation about a text gives, with one server for all of them; its `opened` are
    the first diagnostics."""
    from lsprotocol import types
    from pygls.lsp.client import LanguageClient

    client = LanguageClient("test", "1")
    published: dict[str, asyncio.Queue] = {}

    @client.feature(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)
    def told(params):
        published[params.uri].put_nowait(params)

    async def start():
        program = (
            f"import sys; sys.path.insert(0, {str(ROOT)!r}); from rnnshape.cli import main; main()"
        )
        await client.start_io(sys.executable, "-c", program, "lsp")
        await client.initialize_async(
            types.InitializeParams(capabilities=types.ClientCapabilities(), root_uri=None)
        )
        client.initialized(types.InitializedParams())

    async def stop():
        await client.shutdown_async(None)
        client.exit(None)
        await client.stop()

    async def speak(conversation, text):
        path = f"file:///model{len(published)}.py"
        queue = published[path] = asyncio.Queue()
        document = types.TextDocumentItem(path, "python", 1, text)
        client.text_document_did_open(types.DidOpenTextDocumentParams(document))
        opened = await asyncio.wait_for(queue.get(), 30)
        return await asyncio.wait_for(conversation(client, types, opened, queue, path), 30)

    with asyncio.Runner() as runner:
        runner.run(start())
        yield lambda conversation, text=MODEL: runner.run(speak(conversation, text))
        runner.run(stop())


async def changed(client, types, told, path, text, version=2):
    whole = types.TextDocumentContentChangeWholeDocument(text)
    of = types.VersionedTextDocumentIdentifier(version, path)
    client.text_document_did_change(types.DidChangeTextDocumentParams(of, [whole]))
    return await told.get()


async def hints(client, types, path):
    everything = types.Range(types.Position(0, 0), types.Position(100, 0))
    of = types.TextDocumentIdentifier(path)
    found = await client.text_document_inlay_hint_async(types.InlayHintParams(of, everything))
    return {hint.position.line + 1: hint.label.strip() for hint in found}


def test_shapes_stand_behind_the_lines(spoken):
    async def conversation(client, types, opened, told, path):
        return opened.diagnostics, await hints(client, types, path)

    diagnostics, shown = spoken(conversation)
    assert diagnostics == ()
    assert shown[13] == "4×7 → 4×7×8"
    assert shown[14] == "4×7×8 → 4×7×16, 1×4×16, 1×4×16"
    assert shown[15] == "4×7×16 → 4×7×5"


def test_a_problem_is_a_diagnostic_with_the_words_of_torch(spoken):
    async def conversation(client, types, opened, told, path):
        return opened.diagnostics

    (problem,) = spoken(conversation, FAILS)
    assert problem.range.start.line + 1 == 15
    assert "mat1 and mat2 shapes cannot be multiplied (28x16 and 8x5)" in problem.message
    assert problem.severity == 1


def test_hover_shows_the_parameters_of_a_layer(spoken):
    async def conversation(client, types, opened, told, path):
        of = types.TextDocumentIdentifier(path)
        return await client.text_document_hover_async(types.HoverParams(of, types.Position(13, 10)))

    words = spoken(conversation).contents.value
    assert "nn.LSTM(8, 16, batch_first=True)" in words
    assert "weight_ih_l0             64×8" in words


def test_while_a_line_is_no_python_the_other_hints_stay(spoken):
    async def conversation(client, types, opened, told, path):
        broken = MODEL.replace("return self.fc(out)", "return self.fc(out")
        await changed(client, types, told, path, broken)
        return await hints(client, types, path)

    shown = spoken(conversation)
    assert 13 in shown and 14 in shown and 15 not in shown


def test_a_file_with_a_syntax_error_from_the_start_is_silent(spoken):
    async def conversation(client, types, opened, told, path):
        return opened.diagnostics, await hints(client, types, path)

    assert spoken(conversation, "import torch\nx = (\n") == ((), {})


def test_a_mend_is_a_code_action_after_which_nothing_is_told(spoken):
    async def conversation(client, types, opened, told, path):
        (problem,) = opened.diagnostics
        context = types.CodeActionContext([problem])
        of = types.TextDocumentIdentifier(path)
        actions = await client.text_document_code_action_async(
            types.CodeActionParams(of, problem.range, context)
        )
        lines = FAILS.split("\n")
        for edit in actions[0].edit.changes[path]:
            first, last = edit.range.start.line, edit.range.end.line
            lines[first:last] = edit.new_text.removesuffix("\n").split("\n")
        return await changed(client, types, told, path, "\n".join(lines))

    assert spoken(conversation, FAILS).diagnostics == ()


@pytest.mark.parametrize(
    "sent",
    ["{nonsense", "[]", '{"jsonrpc":"2.0","id":1,"method":"textDocument/hover","params":{}}'],
)
def test_what_no_editor_sends_is_a_line_and_no_traceback(sent):
    ended = subprocess.run(
        [sys.executable, "-m", "rnnshape", "lsp"], cwd=ROOT, capture_output=True, text=True,
        input=f"Content-Length: {len(sent)}\r\n\r\n{sent}", timeout=60,
    )  # fmt: skip
    assert ended.returncode == 0
    lines = ended.stderr.splitlines()
    assert lines and all(line.startswith("rnnshape: lsp: ") for line in lines)
