"""What we build on of libraries although they promise it to nobody is there, as docs/private-parts.md says.

Each check gives a sentence where a library is no longer as we know it. That it would is tried as well: the change is
faked, and the sentence must name it.
"""

from __future__ import annotations

import ast
import ctypes
import importlib.util
import inspect
import re
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from pipelines.models.lean_imports import import_diarization

ROOT = Path(__file__).resolve().parents[1]
PAGE = "docs/private-parts.md"
CODE = ("meeting", "pipelines", "migrations")
EXTRAS = ("pywhispercpp", "transformers")
"""Libraries that the program can do without"""


@dataclass(frozen=True)
class Row:
    """A row of the page."""

    library: str
    parts: tuple[str, ...]
    """What stands in code type in its second column"""
    files: tuple[str, ...]
    said: tuple[str, ...]
    """What stands in code type in the last two"""

    @property
    def key(self) -> str:
        """What names it."""
        return f"{self.library}: {self.parts[0]}"


@cache
def rows() -> dict[str, Row]:
    """The rows of the page by their keys."""
    cells = [
        [cell.strip() for cell in line.strip("|").split(" | ")]
        for line in (ROOT / PAGE).read_text(encoding="utf-8").splitlines()
        if line.startswith("| ")
    ]
    marked = re.compile(r"`([^`]+)`")
    found = [
        Row(library.strip(), *(tuple(marked.findall(text)) for text in (parts, files, why + change)))
        for library, parts, files, why, change in cells[1:]
    ]
    assert len({row.key for row in found}) == len(found)
    return {row.key: row for row in found}


@cache
def code() -> dict[str, str]:
    """Our files and their texts."""
    paths = [path for folder in CODE for path in (ROOT / folder).rglob("*.py")]
    return {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in paths}


def there(place: str) -> Any:
    """What a place such as `module:Class.method` means."""
    module, _, names = place.partition(":")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if module.startswith(("diart", "pyannote")):
            import_diarization()  # as the program does, which takes half of the time
        found: Any = import_module(module)
    for name in filter(None, names.split(".")):
        found = getattr(found, name)
    return found


def source_of(module: str) -> str:
    """The text of a module, which is not imported."""
    top, *below = module.split(".")
    spec = importlib.util.find_spec(top)
    places = [Path(place).joinpath(*below) for place in (spec.submodule_search_locations if spec else None) or ()]
    wanted = [file for place in places for file in (place.with_suffix(".py"), place / "__init__.py")]
    return next(file.read_text(encoding="utf-8") for file in wanted if file.is_file())


def _dotted(place: str) -> str:
    return place.replace(":", ".")


class Check:
    """One thing that must hold of an installed library."""

    def problem(self) -> str | None:
        """What is not as we know it, as the end of a sentence; None where all is well."""
        raise NotImplementedError

    def fake(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Make it so that it does not hold."""
        raise NotImplementedError


def _unpatched(function: Any) -> Any:
    """A library's own function where sse_starlette, which comes with the MCP SDK, has put one of its own before it."""
    status = getattr(sys.modules.get("sse_starlette.sse"), "AppStatus", None)
    return status.original_handler if status is not None and function is status.handle_exit else function


@dataclass(frozen=True)
class Takes(Check):
    """A function takes these parameters."""

    owner: str
    name: str
    parameters: str

    def problem(self) -> str | None:
        """What it takes instead."""
        function = _unpatched(getattr(there(self.owner), self.name, None))
        found = "gone" if function is None else " ".join(inspect.signature(function).parameters)
        if found == self.parameters:
            return None
        return f"{_dotted(self.owner)}.{self.name} took ({self.parameters}) when this was written, and is ({found})"

    def fake(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Another parameter."""
        monkeypatch.setattr(there(self.owner), self.name, lambda something_else: None)


@dataclass(frozen=True)
class Says(Check):
    """A function's source holds these words, by which we know what it does."""

    owner: str
    name: str
    words: str
    meaning: str

    def problem(self) -> str | None:
        """What it no longer says."""
        function = getattr(there(self.owner), self.name, None)
        if function is not None and self.words in inspect.getsource(function):
            return None
        return f"{_dotted(self.owner)}.{self.name} no longer says `{self.words}`, by which we know that {self.meaning}"

    def fake(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Another body."""
        monkeypatch.setattr(there(self.owner), self.name, lambda *_, **__: None)


@dataclass(frozen=True)
class Has(Check):
    """There is such a name."""

    owner: str
    name: str

    def problem(self) -> str | None:
        """That it is gone."""
        try:
            found = hasattr(there(self.owner), self.name)
            return None if found else f"{_dotted(self.owner)} has no {self.name} any more"
        except ImportError:
            return f"there is no {_dotted(self.owner)} any more, where {self.name} was"

    def fake(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Take it away, from the class that it is inherited from where it is."""
        owner = there(self.owner)
        homes = [one for one in getattr(owner, "__mro__", ()) if self.name in vars(one)]
        for one in homes or [owner]:
            monkeypatch.delattr(one, self.name)


@dataclass(frozen=True)
class Writes(Check):
    """The text of a module holds these words."""

    module: str
    words: str
    meaning: str

    def problem(self) -> str | None:
        """What it no longer says."""
        if self.words in source_of(self.module):
            return None
        return f"{self.module} no longer says `{self.words}`, by which we know that {self.meaning}"

    def fake(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Another text."""
        monkeypatch.setitem(globals(), "source_of", lambda module: "")


@dataclass(frozen=True)
class Holds(Check):
    """A file of an installed package is there, and these words are in it."""

    package: str
    file: str
    words: tuple[bytes, ...] = ()

    def problem(self) -> str | None:
        """What is not there."""
        path = self.path()
        if path is None:
            return f"{self.package} has no {self.file} any more"
        data = path.read_bytes() if self.words else b""
        gone = [word.decode() for word in self.words if word not in data]
        return f"{self.file} of {self.package} names no {', '.join(gone)} any more" if gone else None

    def path(self) -> Path | None:
        """Where it is."""
        spec = importlib.util.find_spec(self.package)
        places = list(spec.submodule_search_locations or ()) if spec else []
        return next((path for place in places for path in Path(place).glob(self.file)), None)

    def fake(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """No such file."""
        monkeypatch.setattr(Holds, "path", lambda self: None)


@dataclass(frozen=True)
class Inputs(Check):
    """A model asks for these inputs."""

    holds: Holds
    names: tuple[str, ...]

    def problem(self) -> str | None:
        """What it asks for instead."""
        import onnxruntime

        path = self.holds.path()
        assert path is not None
        found = tuple(one.name for one in onnxruntime.InferenceSession(str(path)).get_inputs())
        return None if found == self.names else f"{self.holds.file} asks for {found} and no longer for {self.names}"

    def fake(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Another model."""
        import onnxruntime

        class Other:
            def __init__(self, path: str) -> None:
                pass

            def get_inputs(self) -> list[Any]:
                return []

        monkeypatch.setattr(onnxruntime, "InferenceSession", Other)


@dataclass(frozen=True)
class Exports(Check):
    """The libraries beside a package, if there are any, have these functions."""

    package: str
    file: str
    names: tuple[str, ...]

    def problem(self) -> str | None:
        """What they have not."""
        found = list(Path(there(self.package).__file__).parent.parent.glob(self.file))
        if not found:
            return f"there is no {self.file} beside {self.package}, as its wheel has it"
        gone = [name for name in self.names for path in found if not hasattr(ctypes.CDLL(str(path)), name)]
        return f"{self.file} of {self.package} has no {', '.join(gone)} any more" if gone else None

    def fake(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Another folder."""
        monkeypatch.setattr(Path, "glob", lambda self, pattern: iter(()))


H11 = "uvicorn.protocols.http.h11_impl:H11Protocol"
CYCLE = "uvicorn.protocols.http.h11_impl:RequestResponseCycle"
SOCKET = "uvicorn.protocols.websockets.websockets_sansio_impl:WebSocketsSansIOProtocol"
SERVER = "uvicorn.server:Server"
WHISPER = "faster_whisper.transcribe:WhisperModel"
HF = "transformers.models.whisper.modeling_whisper"
MADE = "self config server_state app_state _loop"

CHECKS: dict[str, tuple[Check, ...]] = {
    "ctranslate2: libcublas.so.12": (
        Holds("ctranslate2", "../ctranslate2.libs/libctranslate2*", (b"libcublas.so.12",)),
    ),
    "uvicorn: H11Protocol": (
        Takes(H11, "__init__", MADE),
        Takes(H11, "connection_made", "self transport"),
        Takes(H11, "connection_lost", "self exc"),
        Takes(H11, "data_received", "self data"),
        Takes(H11, "handle_events", "self"),
        Takes(H11, "on_response_complete", "self"),
        Takes(H11, "send_400_response", "self msg"),
        Takes(H11, "resume_writing", "self"),
        Says(H11, "__init__", "self.ws_protocol_class = ", "a websocket is made by what this attribute holds"),
        Says(H11, "connection_made", "self.flow = FlowControl(", "`flow` tells whether a body is not read"),
        Says(H11, "handle_events", "self.app_state.copy()", "a request's scope carries what is in app_state"),
        Says(H11, "handle_events", "self.cycle = RequestResponseCycle(", "the request being answered is `cycle`"),
        Says(H11, "handle_events", "on_response=self.on_response_complete", "the end of an answer is told"),
        Says(H11, "handle_websocket_upgrade", "self.transport.set_protocol(protocol)", "a websocket takes over"),
        Says(CYCLE, "__init__", "self.response_complete = False", "a cycle knows that it is over"),
        Says(CYCLE, "__init__", "self.more_body = True", "a cycle knows that its body is not whole"),
        Says(CYCLE, "__init__", "self.disconnected = False", "a cycle can be told that nobody listens"),
        Says(CYCLE, "__init__", "self.message_event = message_event", "a cycle that waits for a body can be woken"),
        Says("uvicorn.protocols.http.flow_control:FlowControl", "__init__", "self.read_paused = False", "it tells so"),
    ),
    "uvicorn: WebSocketsSansIOProtocol": (
        Takes(SOCKET, "__init__", MADE),
        Takes(SOCKET, "connection_made", "self transport"),
        Takes(SOCKET, "connection_lost", "self exc"),
        Takes(SOCKET, "data_received", "self data"),
        Takes(SOCKET, "handle_cont", "self event"),
        Takes(SOCKET, "handle_ping", "self"),
        Takes(SOCKET, "handle_pong", "self event"),
        Takes(SOCKET, "handle_parser_exception", "self"),
        Takes(SOCKET, "send_receive_event_to_app", "self"),
        Takes(SOCKET, "receive", "self"),
        Takes(SOCKET, "send", "self message"),
        Takes(SOCKET, "keepalive_timeout", "self"),
        Takes(SOCKET, "handle_parser_exception", "self"),
        Takes(SOCKET, "pause_writing", "self"),
        Takes(SOCKET, "resume_writing", "self"),
        Says(SOCKET, "__init__", "self.frames: list[bytes] = []", "the parts of a message are in `frames`"),
        Says(SOCKET, "__init__", "self.read_paused = False", "reading stops while a message waits"),
        Says(SOCKET, "__init__", "self.writable = asyncio.Event()", "`writable` tells whether writing stops"),
        Says(SOCKET, "__init__", "self.close_sent = False", "`close_sent` tells that it is being closed"),
        Says(SOCKET, "run_asgi", "if not self.handshake_complete", "`handshake_complete` tells that it was answered"),
        Says(SOCKET, "__init__", "self.ping_timeout = config.ws_ping_timeout", "`ping_timeout` is the patience"),
        Says(SOCKET, "__init__", "self.pong_timer: TimerHandle", "`pong_timer` is what an answer cancels"),
        Says(SOCKET, "handle_connect", "self.app_state.copy()", "its scope carries what is in app_state"),
        Says(SOCKET, "send_receive_event_to_app", "self.transport.pause_reading()", "one message at a time"),
        Says(SOCKET, "keepalive_timeout", "self.conn.fail(1011", "a deaf client is closed with 1011"),
    ),
    "uvicorn: Server": (
        Takes(SERVER, "startup", "self sockets"),
        Takes(SERVER, "shutdown", "self sockets"),
        Takes(SERVER, "handle_exit", "self sig frame"),
        Says(SERVER, "__init__", "self.server_state = ServerState()", "connections share `server_state`"),
        Says(SERVER, "__init__", "self.force_exit = False", "`force_exit` stops at once"),
        Says(SERVER, "startup", "if sockets is not None", "it listens on the sockets that it is given, even on none"),
        Says(SERVER, "startup", "app_state=self.lifespan.state", "what the app keeps is in `lifespan.state`"),
        Says(SERVER, "shutdown", "timeout=self.config.timeout_graceful_shutdown", "this bound is read only at the end"),
        Says("uvicorn.config:Config", "load", "self.ssl", "`ssl` holds what TLS needs"),
    ),
    "uvicorn: Invalid UTF-8": (
        Says(SOCKET, "send_receive_event_to_app", '"Invalid UTF-8', "bad bytes of a client are logged so"),
    ),
    "websockets: fail": (
        Takes("websockets.server:ServerProtocol", "fail", "self code reason"),
        Says("websockets.protocol:Protocol", "__init__", "self.reader = StreamReader()", "bytes wait in `reader`"),
        Says("websockets.streams:StreamReader", "__init__", "self.buffer = ", "an unfinished frame is in `buffer`"),
    ),
    "websockets: process_redirect": (Takes("websockets.asyncio.client:connect", "process_redirect", "self exc"),),
    "faster-whisper: _split_segments_by_timestamps": (
        Takes(
            WHISPER,
            "_split_segments_by_timestamps",
            "self tokenizer tokens time_offset segment_size segment_duration seek",
        ),
        Takes(WHISPER, "find_alignment", "self tokenizer text_tokens encoder_output num_frames median_filter_width"),
        Takes(
            WHISPER,
            "add_word_timestamps",
            "self segments tokenizer encoder_output num_frames prepend_punctuations append_punctuations "
            "last_speech_timestamp",
        ),
        Takes(WHISPER, "get_prompt", "self tokenizer previous_tokens without_timestamps prefix hotwords"),
        Takes(WHISPER, "encode", "self features"),
        Says(WHISPER, "_split_segments_by_timestamps", "dict(", "a segment is a dict"),
        Says(WHISPER, "add_word_timestamps", "alignments = self.find_alignment(", "it can be given an alignment"),
        Says(WHISPER, "add_word_timestamps", '["words"] = words', "words are written into the segments"),
        Says(WHISPER, "get_prompt", "previous_tokens[-(self.max_length // 2 - 1) :]", "a prompt is as long at most"),
        Says(WHISPER, "__init__", "self.model = ctranslate2.models.Whisper(", "`model` is CTranslate2's"),
        Says(WHISPER, "__init__", "self.hf_tokenizer = tokenizers.Tokenizer", "`hf_tokenizer` makes tokens of text"),
        Says(WHISPER, "__init__", "self.feature_extractor = FeatureExtractor(", "it makes spectrograms"),
        Says(WHISPER, "__init__", "self.frames_per_second = ", "it tells how long a frame is"),
        Says(WHISPER, "__init__", "self.max_length = 448", "so many tokens are written at most"),
        Says("faster_whisper.feature_extractor:FeatureExtractor", "__init__", "self.nb_max_frames", "30 s are as long"),
        Says("faster_whisper.feature_extractor:FeatureExtractor", "__init__", "self.time_per_frame", "a frame is so"),
    ),
    "faster-whisper: pad_or_trim": (
        Takes("faster_whisper.audio", "pad_or_trim", "array length axis"),
        Takes("faster_whisper.transcribe", "get_suppressed_tokens", "tokenizer suppress_tokens"),
        Takes("faster_whisper.utils", "get_end", "segments"),
        Takes("faster_whisper.tokenizer:Tokenizer", "__init__", "self tokenizer multilingual task language"),
        Takes("faster_whisper.transcribe", "Word", "start end word probability"),
    ),
    "faster-whisper: _WHISPER_REPOSITORIES": (Has("faster_whisper.utils", "_MODELS"),),
    "rx: DisposedException": (
        Has("rx.internal.exceptions", "DisposedException"),
        Takes("rx.scheduler:EventLoopScheduler", "schedule_absolute", "self duetime action state"),
        Says("rx.scheduler:EventLoopScheduler", "schedule_absolute", "raise DisposedException()", "it raises this"),
        Says("rx.scheduler:EventLoopScheduler", "schedule", "self.schedule_absolute(", "all goes through it"),
        Says("rx.scheduler:EventLoopScheduler", "schedule_relative", "self.schedule_absolute(", "all goes through it"),
    ),
    "pywhispercpp: _pywhispercpp": (Has("_pywhispercpp", "whisper_log_set"),),
    "transformers: encoder_attn": (
        Says(f"{HF}:WhisperDecoderLayer", "__init__", "self.encoder_attn = WhisperAttention(", "it looks at the audio"),
        Says(f"{HF}:WhisperAttention", "forward", "return attn_output, attn_weights", "weights come second"),
        Says(f"{HF}:WhisperAttention", "forward", 'self.config._attn_implementation != "eager"', "it can be changed"),
    ),
    "torch: TorchVersion": (
        Has("torch.torch_version", "TorchVersion"),
        Takes("torch.serialization", "safe_globals", "safe_globals"),
        Writes("torch._weights_only_unpickler", "f, name = f", "a class may be allowed by the name in the file"),
    ),
    "torch: torch._dynamo": (
        Says("torch.utils._triton", "has_triton_package", "except ImportError", "triton may be absent"),
        Writes("torchmetrics.utilities.imports", 'RequirementCache("torchvision")', "torchvision may be absent"),
        Writes("torchmetrics.utilities.imports", 'RequirementCache("transformers>', "transformers may be absent"),
        Writes("torchmetrics", "import scipy.signal", "scipy is imported only where its version is found"),
    ),
    "pyannote.audio: PyanNet": tuple(
        check
        for place in ("pyannote.audio.models.segmentation:PyanNet", "pyannote.audio.models.embedding:WeSpeakerResNet34")
        for check in (
            Takes(place, "setup", "self stage"),
            Has(place, "specifications"),
            Has(place, "num_frames"),
            Has(place, "receptive_field"),
            Has(place, "dimension"),
        )
    ),
    "pyannote.audio: Introspection": (
        Has("pyannote.audio.core.model", "Introspection"),
        Has("pyannote.audio.core.task", "Problem"),
        Has("pyannote.audio.core.task", "Resolution"),
        Has("pyannote.audio.core.task", "Specifications"),
        Takes("pyannote.audio.utils.powerset:Powerset", "__init__", "self num_classes max_set_size"),
        Takes("pyannote.audio.utils.powerset:Powerset", "to_multilabel", "self powerset soft"),
    ),
    "pyannote.audio: pyannote.audio.models.segmentation": (
        Writes(
            "pyannote.audio.pipelines.speaker_verification", "except ImportError:\n    SPEECHBRAIN", "it may be absent"
        ),
    ),
    "omegaconf: ListConfig": (
        Has("omegaconf.listconfig", "ListConfig"),
        Has("omegaconf.nodes", "AnyNode"),
        Has("omegaconf.base", "ContainerMetadata"),
        Has("omegaconf.base", "Metadata"),
    ),
    "diart: SpeakerSegmentation": (
        Takes("diart.blocks:SpeakerSegmentation", "__init__", "self model device"),
        Says("diart.blocks:SpeakerSegmentation", "__init__", "self.model.eval()", "any torch module will do"),
        Says(
            "diart.blocks:SpeakerSegmentation",
            "__call__",
            "self.model(wave.to(self.device)).cpu()",
            "the module is called with audio (batch, channel, sample), and its answer is brought back",
        ),
        Takes("diart.blocks:OverlappedSpeechPenalty", "__init__", "self gamma beta normalize"),
        Says("diart.blocks:OverlappedSpeechPenalty", "__call__", "self.formatter.cast(", "it takes a tensor"),
    ),
    "diart: diart.blocks": (
        Writes("diart.models", "except ImportError:\n    IS_PYANNOTE_AVAILABLE = False", "pipelines may be absent"),
    ),
    "moonshine-voice: encoder_model.ort": (
        Holds("moonshine_voice", "assets/tiny-en/encoder_model.ort", (b"ORTM", b"input_values", b"attention_mask")),
        Holds(
            "moonshine_voice",
            "assets/tiny-en/decoder_model_merged.ort",
            (b"ORTM", b"then_branch", b"/model/decoder/layers.0/encoder_attn/q_proj/MatMul_output_0"),
        ),
        Holds("moonshine_voice", "assets/tiny-en/tokenizer.bin"),
    ),
    "silero-vad: silero_vad_16k_op15.onnx": (
        Holds("silero_vad", "data/silero_vad_16k_op15.onnx"),
        Inputs(Holds("silero_vad", "data/silero_vad_16k_op15.onnx"), ("input", "state", "sr")),
    ),
    "av: av.libs": (Exports("av", "av.libs/*avutil*", ("av_max_alloc", "av_cpu_force_count")),),
    "av: planes": (
        Writes("av.audio.layout", "cython.char[128]", "the name of a layout is cut off at 128 bytes"),
        Writes("av.audio.frame", "while self.ptr.extended_data[plane_count]", "planes are counted to a null pointer"),
    ),
    "soundfile: AssertionError": (
        Says("soundfile:SoundFile", "write", "assert written == len(data)", "a full disk is an AssertionError"),
    ),
    "huggingface_hub: get_session": (
        Takes("huggingface_hub.utils", "get_session", ""),
        Writes("huggingface_hub.utils._http", "requests.Session()", "a session is one of `requests`"),
        Takes(
            "huggingface_hub.utils",
            "build_hf_headers",
            "token library_name library_version user_agent headers is_write_action",
        ),
    ),
}
"""What is looked at for each row of the page"""

EVERY = [
    pytest.param(key, check, id=f"{key} {number}") for key, some in CHECKS.items() for number, check in enumerate(some)
]


def sentence(key: str, check: Check) -> str | None:
    """What has changed, and where to look; None where nothing has."""
    problem, row = check.problem(), rows()[key]
    if problem is None:
        return None
    files = ", ".join(row.files)
    return f"{row.library} {version(row.library)}: {problem}; look at {files} and at {row.library} in {PAGE}"


def _skip_without_extra(key: str) -> None:
    if rows()[key].library in EXTRAS:
        pytest.importorskip(rows()[key].library, reason="an extra that is not installed")


@pytest.mark.parametrize(("key", "check"), EVERY)
def test_the_installed_library_is_as_we_know_it(key: str, check: Check) -> None:
    _skip_without_extra(key)
    told = sentence(key, check)
    assert told is None, told


@pytest.mark.parametrize(("key", "check"), EVERY)
def test_a_change_of_it_is_told_in_a_sentence(key: str, check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    _skip_without_extra(key)
    with monkeypatch.context() as changed:
        check.fake(changed)
        told = sentence(key, check)
    assert told is not None
    assert told.startswith(f"{rows()[key].library} ")
    assert all(file in told for file in rows()[key].files)
    assert f" in {PAGE}" in told


def test_each_row_of_the_page_is_looked_at() -> None:
    assert set(CHECKS) == set(rows())
    assert all(CHECKS.values())


@pytest.mark.parametrize("key", CHECKS)
def test_the_page_tells_who_uses_each_part(key: str) -> None:
    row = rows()[key]
    assert set(row.files) <= set(code()), f"{PAGE} names files that are not there"
    texts = {file: code()[file] for file in row.files}
    unused = [part for part in row.parts if not any(part in text for text in texts.values())]
    idle = [file for file, text in texts.items() if not any(part in text for part in row.parts)]
    assert not unused, f"none of {row.files} says {unused}: {PAGE} is not true any more"
    assert texts
    assert not idle, f"{idle} use nothing of {row.parts} any more: take them off {PAGE}"


@pytest.mark.parametrize("key", CHECKS)
def test_names_of_ours_on_the_page_are_those_of_the_code(key: str) -> None:
    row = rows()[key]
    known = {word for text in code().values() for word in re.findall(r"\w+", text)}
    ours = [name for name in row.said if re.fullmatch(r"\w+", name)]
    assert [name for name in ours if name not in known] == []
    assert [name for name in row.said if "/" in name and not (ROOT / name).is_file()] == []


@pytest.mark.parametrize("library", sorted({row.library for row in rows().values()}))
def test_the_version_that_was_tested_is_pinned(library: str) -> None:
    pins = (ROOT / "constraints.txt").read_text().lower().replace("_", "-")
    assert re.search(rf"^{re.escape(library.lower().replace('_', '-'))}==", pins, re.MULTILINE)


def private_uses() -> Iterator[tuple[str, str]]:
    """Files, and names in them that begin with an underscore and are none of ours, or that say of themselves so."""
    trees = {file: ast.parse(text) for file, text in code().items()}
    ours = {name for tree in trees.values() for name in _defined(tree)}
    for file, tree in trees.items():
        for name in (part for used in _used(tree) for part in used.split(".")):
            hidden = name.startswith("_") and not name.startswith("__") and name not in ours
            if hidden or name in ("internal", "meta_path"):
                yield file, name


def _defined(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id


def _used(tree: ast.AST) -> Iterator[str]:
    """Attributes, what is imported, and the modules and attributes that strings name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}." + alias.name for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from [node.value] if re.fullmatch(r"\w+(\.\w+)+", node.value) else []
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("getattr", "hasattr"):
            yield from (str(one.value) for one in node.args[1:2] if isinstance(one, ast.Constant))


def test_nothing_private_is_used_without_a_row() -> None:
    told = {(file, part) for row in rows().values() for file in row.files for part in row.parts}
    found = {(file, name) for file, name in private_uses() if name != "_exit"}  # os._exit is documented
    missing = [f"{name} in {file}" for file, name in found if not any(name in part and file == at for at, part in told)]
    assert not missing, f"private parts of a library without a row in {PAGE}: {missing}"
    assert {name for _, name in found} >= {"_split_segments_by_timestamps", "internal", "meta_path", "_dynamo"}
