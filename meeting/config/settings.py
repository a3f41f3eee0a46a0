"""What can be set: each setting's name, default, bounds, unit and meaning, which stand here and nowhere else.

`config.yaml` and the tables of `docs/settings.md` are made from this (`pages.py`), and what a file, the environment
or a flag gives is checked against it (`sources.py`).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, NamedTuple

from meeting.config.webhooks import WebhookEndpoint
from pipelines.options import (
    DEVICE,
    DEVICES,
    ENGINE,
    LANGUAGES,
    MODEL_SETS,
    PIPELINE,
    SECOND_PASSES,
    EngineOptions,
    PipelineOptions,
)

Name = tuple[str, str]
"""Section and key of a setting"""

RENAMED: dict[Name, Name] = {
    ("speech", "max_slice"): ("speech", "max_utterance"),
    ("speech", "voice_threshold"): ("speech", "vad_threshold"),
    ("speakers", "tight"): ("speakers", "window_threshold"),
    ("speakers", "join"): ("speakers", "merge_threshold"),
    ("speakers", "known"): ("speakers", "match_threshold"),
    ("speakers", "margin"): ("speakers", "match_margin"),
    ("speakers", "speaking"): ("speakers", "onset"),
    ("speakers", "overlap"): ("speakers", "overlap_onset"),
    ("speakers", "recluster"): ("speakers", "recluster_interval"),
    ("speakers", "refine"): ("speakers", "second_pass"),
}
"""Earlier names of settings, and what each is called now: they are taken, with a warning"""
RENAMED_UNTIL = "0.2"
"""The version in which `RENAMED` is to be emptied"""


class Rule(NamedTuple):
    """What a setting means, and which values it may have."""

    text: str
    """Its meaning in one line of Markdown, for config.yaml and docs/settings.md"""
    more: str = ""
    """What docs/settings.md says behind it"""
    bounds: tuple[float, float] | None = None
    """Least and greatest value"""
    unit: str = ""
    choices: tuple[str, ...] = ()
    called: str = ""
    """What one of the choices is called, where they are too many to be listed"""
    pattern: str = ""
    """What a text must look like, where `choices` are only examples"""
    secret: bool = False
    """Whether its value must never be shown"""


class Setting(NamedTuple):
    """A setting with all that is known of it."""

    name: Name
    kind: str
    """Its type, as it is written below"""
    default: Any
    rule: Rule

    @property
    def optional(self) -> bool:
        """Whether it may be null."""
        return self.kind.endswith("| None")


def _setting(default: Any, text: str, more: str = "", **rules: Any) -> Any:
    rule = Rule(text, more, **rules)
    return field(default=default, metadata={"rule": rule}, repr=not rule.secret)


@dataclass(frozen=True, slots=True)
class Server:
    """Where the server listens."""

    host: str = _setting(
        "127.0.0.1",
        "address to listen on; only this machine can reach 127.0.0.1",
        ". With any other, such as `0.0.0.0`, a token is needed: see [security](security.md)",
    )
    port: int = _setting(8765, "port of page, API and sockets", bounds=(0, 65_535))
    allowed_hosts: tuple[str, ...] = _setting(
        (),
        "host names people use to reach this server, such as a proxy's; "
        "others are refused, if any are named or on 127.0.0.1",
    )
    allowed_origins: tuple[str, ...] = _setting(
        (),
        "pages of other sites that may record for `/transcribe` where no token is asked for, such as "
        "`http://localhost:8000`; `null` stands for a file",
        " ([compatible APIs](compatible-apis.md)). Where one is asked for, any may that has it",
    )
    public_url: str | None = _setting(
        None,
        "address that people open where it is a proxy's, with its port and path, such as "
        "`https://example.org:8443/meet/`",
        "; its host name is allowed, pages from it may change things, and the path may be passed on by the proxy or "
        "taken away: see [security](security.md)",
    )
    root_path: str | None = _setting(
        None,
        "path below which a proxy shows the server, such as `/meet`, where no `public_url` says it",
        ": the proxy may pass it on or take it away ([security](security.md#below-a-path-on-another-port))",
    )
    trusted_proxies: tuple[str, ...] = _setting(
        ("127.0.0.1", "::1"),
        "addresses or networks (`10.0.0.0/24`) of proxies that are believed who asks, in `X-Forwarded-For`, `-Host`, "
        "`-Port` and `-Proto`",
        "; `FORWARDED_ALLOW_IPS` in the environment changes nothing",
    )
    token: str | None = _setting(
        None,
        "opens everything; asked for where it is set, and needed where others can reach this server",
        "; at least 16 letters, digits and any of `- _ . ~`. Better set as `MEETING_SERVER_TOKEN`, never shown",
        secret=True,
    )
    token_file: Path | None = _setting(None, "file that holds the token instead")
    insecure_no_auth: bool = _setting(
        False, "`true` lets everyone who can reach this server read, change and delete every meeting"
    )
    tls_cert: Path | None = _setting(None, "file with the certificate (PEM) to serve https with")
    tls_key: Path | None = _setting(None, "file with its key (PEM), unless the certificate's holds both")
    log_level: str = _setting(
        "info",
        "how much is logged; transcript text never is",
        choices=("debug", "info", "warning", "error"),
    )
    log_json: bool = _setting(
        False,
        "`true` logs one JSON object a line, with the id of the meeting that it is about",
        " ([operating](operating.md#logs))",
    )


@dataclass(frozen=True, slots=True)
class Storage:
    """Where meetings are kept."""

    data_dir: Path = _setting(Path("data"), "folder for the database, the audio and uploaded files; made when missing")
    database: str | None = _setting(
        None,
        "`postgresql://USER@HOST/DATABASE` keeps the text in PostgreSQL; `null`: in a file in `data_dir`",
        ", where the sound stays in any case ([cluster](cluster.md#postgresql)). Never shown",
        secret=True,
    )
    database_password: str | None = _setting(
        None, "its password; better set as `MEETING_STORAGE_DATABASE_PASSWORD`", ", never shown", secret=True
    )
    database_password_file: Path | None = _setting(None, "file that holds the password instead")
    objects: str | None = _setting(
        None,
        "`s3://BUCKET/PREFIX` keeps the audio in an object store; `null`: in `data_dir` alone",
        ". For several servers without a folder that they share ([cluster](cluster.md#an-object-store)); needs "
        "`cluster.address`",
    )
    objects_cache: float = _setting(
        2.0, "most that is kept in `data_dir` of sound from there that was asked for", bounds=(0.01, 100_000), unit="GB"
    )
    keep_audio: bool = _setting(True, "keep each meeting's audio as FLAC beside the database")
    durability: str = _setting(
        "os",
        "what was acknowledged survives: `os` a killed server, `fsync` a power cut as well",
        " ([cost](reliability.md))",
        choices=("os", "fsync"),
    )
    retention_days: float | None = _setting(
        None,
        "age at which a meeting is deleted for good, text and audio; `null` keeps all",
        ". Looked for at the start and once a day ([clocks](security.md#what-is-kept-and-for-how-long))",
        bounds=(0.01, 36_500),
        unit="days",
    )


@dataclass(frozen=True, slots=True)
class Models(EngineOptions):
    """Which models are loaded, and from where."""

    set: str = _setting(
        ENGINE.set,
        "which models; `auto` takes what this machine can have",
        ", model by model, and says why",
        choices=MODEL_SETS,
    )
    cache_dir: Path | None = _setting(
        None,
        "folder for models; `null`: in the user's cache folder",
        ", `meeting-transcriber/models` in `XDG_CACHE_HOME`, else in `~/.cache`",
    )
    device: str = _setting(
        ENGINE.device,
        "where the models compute; `auto` takes all GPUs that can be used, `cuda` too but fails without one, `cuda:1` "
        "the second only",
        " ([which can](#which-gpus-are-used)); with several, each has a copy of the models and meetings are spread",
        choices=DEVICES,
        pattern=DEVICE,
    )
    recognizer: str = _setting(
        ENGINE.recognizer,
        "which recogniser: `auto` leaves it to `set`, else the name of an installed one, with `:MODEL` behind it where "
        "it reads several",
        ": `moonshine`, `whisper`, `whispercpp` and `transformers` come with this program, further ones in packages "
        "([extending](extending.md)); `models list` names those that are installed",
    )
    whisper: str = _setting(
        ENGINE.whisper,
        "name or path of a faster-whisper model; `auto` picks one for the device",
        ": `large-v3-turbo` on a GPU, else the largest of tiny, base and small that keeps pace",
    )
    segmentation: str = _setting(
        ENGINE.segmentation,
        "name or path (.bin) of the segmentation model for the whisper set, or the name of an installed one",
        " ([extending](extending.md)), which serves whatever the set is",
    )
    embedding: str = _setting(
        ENGINE.embedding,
        "name or path (.bin) of the embedding model for the whisper set, or the name of an installed one",
        ", as for `segmentation`",
    )
    hub_token: str | None = _setting(
        None,
        "token for a model hub's gated models; better set in the environment",
        ", never shown",
        secret=True,
    )
    hub_timeout: float = _setting(
        ENGINE.hub_timeout,
        "how long a model hub may take to answer before the embedded models are taken",
        bounds=(0.1, 600),
        unit="seconds",
    )
    gpu_memory: float | None = _setting(
        None,
        "memory of each GPU that all models together may take; `null`: no limit",
        " ([what fits](#memory-of-a-gpu))",
        bounds=(3, 1024),
        unit="GB",
    )
    threads: int | None = _setting(
        None,
        "CPU threads of each model; `null`: as many as a short measurement finds worth it",
        ": one window is timed at the start with 1, 2, 4 and 8, at most half of the cores; with fewer than four "
        "cores, and for models on a GPU, it is 1 and nothing is timed",
        bounds=(1, 256),
    )
    engine: str = _setting(
        "local",
        "where the models compute: `local` in this process, `ray` on other machines, shared by several servers",
        " ([shared models](cluster.md#shared-models)); with `ray` the settings above are for `models serve`, and a "
        "server loads none of them",
        choices=("local", "ray"),
    )
    ray_address: str = _setting(
        "127.0.0.1:9000",
        "with `ray`, host and port at which the shared models answer gRPC",
        "; of a name that stands for several addresses all are used in turn",
        pattern=r"[A-Za-z0-9._\-]+:[0-9]{1,5}|\[[0-9A-Fa-f:.]+\]:[0-9]{1,5}",
        called="HOST:PORT",
    )
    ray_calls: int = _setting(
        4,
        "with `ray`, calls to each kind of shared model that a server has on their way at once",
        ": more fill larger batches, fewer let final text go before partial text sooner",
        bounds=(1, 64),
    )
    ray_patience: float = _setting(
        300.0,
        "with `ray`, for how long a call is repeated while no shared model answers, before what it was for is lost",
        bounds=(1, 86_400),
        unit="seconds",
    )


_CODE = "|".join(sorted(LANGUAGES))


@dataclass(frozen=True, slots=True)
class Speech:
    """How speech is cut into utterances and recognised."""

    language: str | None = _setting(
        None,
        "what is spoken; `null` lets the recogniser detect it",
        "; of several, such as `en, de`, it chooses for each source. A source may ask for another. What the chosen "
        "models do not read is an error when they are loaded",
        choices=tuple(sorted(LANGUAGES)),
        pattern=rf"({_CODE})( *, *({_CODE}))*",
        called="language code that Whisper knows, or several with commas",
    )
    hotwords: tuple[str, ...] = _setting(
        (), "names and terms the recogniser should expect", ", in addition to those of the meeting and the source"
    )
    partial_interval: float = _setting(
        PIPELINE.partial_interval, "new speech between two partial results", bounds=(0.1, 10), unit="seconds"
    )
    endpoint_silence: float = _setting(
        PIPELINE.endpoint_silence,
        "silence that ends an utterance of up to 2 s; it falls to 0.1 s while an utterance grows to 3 s",
        bounds=(0.1, 5),
        unit="seconds",
    )
    max_utterance: float = _setting(
        PIPELINE.max_utterance,
        "longest utterance; longer speech is cut at its quietest place",
        bounds=(2, 28),
        unit="seconds",
    )
    pre_roll: float = _setting(
        PIPELINE.pre_roll, "audio kept before the first voice of an utterance", bounds=(0, 2), unit="seconds"
    )
    vad_threshold: float = _setting(
        PIPELINE.vad_threshold,
        "probability from which a frame counts as voice; higher where noise is taken for speech",
        bounds=(0.01, 0.99),
    )
    dereverberation: bool = _setting(
        PIPELINE.dereverberation,
        "whether echo is taken out of what the recogniser hears",
        ": for microphones that stand far off in rooms that echo; near ones lose a little by it. Neither the sound "
        "that is kept nor who speaks is changed",
    )


@dataclass(frozen=True, slots=True)
class Speakers:
    """How speakers are told apart.

    `null` takes what fits the embedding model; `python -m meeting tune DIR` finds values for your own recordings.
    """

    max_speakers: int = _setting(
        PIPELINE.max_speakers, "speakers told apart; further ones stay unknown", bounds=(1, 100)
    )
    min_speech: float = _setting(
        PIPELINE.min_speech,
        "clean speech that a new voice needs before it becomes a speaker",
        bounds=(0, 30),
        unit="seconds",
    )
    window_threshold: float | None = _setting(
        None, "cosine distance up to which single windows are surely one voice", bounds=(0, 2)
    )
    merge_threshold: float | None = _setting(
        None, "cosine distance of their centroids up to which two groups of windows are one voice", bounds=(0, 2)
    )
    scatter: float | None = _setting(
        None, "cosine distance to be expected between a voice and the mean of one second of it", bounds=(0, 2)
    )
    match_threshold: float | None = _setting(
        None, "cosine distance up to which a window may be a known speaker's", bounds=(0, 2)
    )
    match_margin: float | None = _setting(
        None, "how much nearer than the second speaker the first must be", bounds=(0, 2)
    )
    onset: float | None = _setting(None, "activity from which the foremost speaker is heard", bounds=(0.01, 0.99))
    overlap_onset: float | None = _setting(None, "the same for one who speaks under another", bounds=(0.01, 0.99))
    recluster_interval: float = _setting(
        PIPELINE.recluster_interval,
        "most audio between two clusterings of all that was heard; less in the first five minutes and for a new voice",
        bounds=(5, 3600),
        unit="seconds",
    )
    second_pass: str = _setting(
        PIPELINE.second_pass,
        "what is done once more at the end of a meeting: `labels` clusters all of it, `full` also reads again what was "
        "cut at short pauses",
        ", and takes the new words where they are surer",
        choices=SECOND_PASSES,
    )


@dataclass(frozen=True, slots=True)
class Notes:
    """Notes by a language model of your own choosing; off unless its address and name are given.

    Where the text goes then, and what comes back, stands in [docs/notes.md](notes.md).
    """

    url: str | None = _setting(
        None,
        "address of a server with the OpenAI API, such as `http://127.0.0.1:11434/v1`: transcripts are sent there when "
        "a host asks for notes",
    )
    model: str | None = _setting(None, "name of the model, as that server knows it")
    key: str | None = _setting(
        None, "key that that server asks for; better set as `MEETING_NOTES_KEY`", ", never shown", secret=True
    )
    key_file: Path | None = _setting(None, "file that holds the key instead")
    context: int = _setting(
        4096,
        "context of the model as that server has loaded it; longer meetings are read in parts",
        ". A server that has loaded less may leave out the beginning without a word ([more](notes.md#how-much-fits))",
        bounds=(2048, 2_000_000),
        unit="tokens",
    )
    timeout: float = _setting(300.0, "how long one answer of the model may take", bounds=(1, 3600), unit="seconds")


@dataclass(frozen=True, slots=True)
class Limits:
    """What one server takes on."""

    meetings: int | None = _setting(
        None,
        "live meetings at once; `null`: as many as this machine was measured to keep up with",
        " when the models were loaded (16 before that); one more is refused",
        bounds=(1, 10_000),
    )
    sources: int = _setting(
        8, "microphones and other sounds that one meeting takes at once; one more is refused", bounds=(1, 64)
    )
    viewers: int = _setting(
        200,
        "clients per meeting that read along",
        "; for those who may speak there are 32 further seats",
        bounds=(1, 100_000),
    )
    frame_bytes: int = _setting(1 << 20, "largest audio frame", bounds=(1024, 1 << 26), unit="bytes")
    source_bytes: int = _setting(
        8 << 20,
        "what one source may send; one that sends faster is made to wait",
        bounds=(1 << 14, 1 << 30),
        unit="bytes per second",
    )
    recording: int = _setting(
        2000,
        "largest recording that is taken, sent bit by bit to become a meeting or in one request of a "
        "[compatible API](compatible-apis.md)",
        bounds=(1, 1_000_000),
        unit="megabytes",
    )
    jobs: int = _setting(20, "recordings that are on their way at once: being sent, waiting, heard", bounds=(1, 10_000))
    jobs_at_once: int = _setting(
        1, "recordings that are heard at once; live meetings go before all of them", bounds=(1, 64)
    )
    meeting_hours: float = _setting(12.0, "longest meeting", bounds=(0.01, 168), unit="hours")
    resume_window: float = _setting(
        600.0,
        "how long a meeting waits for its source to come back before it is ended",
        bounds=(1, 86_400),
        unit="seconds",
    )
    backlog: float = _setting(
        60.0,
        "audio that may wait for the models before the source is made to wait",
        bounds=(5, 3600),
        unit="seconds",
    )
    disk_free: int = _setting(
        500,
        "free space on the disk without which no further meeting may go live",
        bounds=(0, 1_000_000),
        unit="megabytes",
    )
    pending: int = _setting(
        128,
        "connections that wait for their clients: no whole request yet, no token yet, or an answer that is not taken; "
        "beyond it the oldest is closed",
        " ([security](security.md#floods))",
        bounds=(8, 100_000),
    )
    pending_per_address: int = _setting(
        64,
        "the same from one address (for IPv6 a /64); not counted for this machine's own and `server.trusted_proxies`",
        ", since many stand behind them",
        bounds=(1, 100_000),
    )


@dataclass(frozen=True, slots=True)
class Webhooks:
    """Whom the server tells what happens in meetings.

    Nothing is sent where no endpoint is named; [docs/webhooks.md](webhooks.md) says what is sent otherwise.
    """

    endpoints: tuple[WebhookEndpoint, ...] = _setting(
        (),
        "where to send signed events: a list of `url`, `events`, and `secret_env`, `secret_file` or `secret`",
        "; `name` is what it is called, else its host",
        secret=True,
    )
    private_networks: tuple[str, ...] = _setting(
        (),
        "addresses or networks that are no public ones and may be sent to all the same, such as `127.0.0.1` or "
        "`10.0.5.0/24`",
    )
    unkept_text: bool = _setting(
        False, "`true` tells title and text of meetings that are not kept as well; otherwise only that there was one"
    )
    give_up_after: float = _setting(
        72.0,
        "age at which a delivery that does not succeed is given up",
        "; it is kept as failed, without what it would have told",
        bounds=(0.001, 720),
        unit="hours",
    )


@dataclass(frozen=True, slots=True)
class Cluster:
    """Several servers on one database and one data folder.

    One server alone needs none of this; [docs/cluster.md](cluster.md) says what else several need.
    """

    address: str | None = _setting(
        None,
        "URL at which clients and other servers reach this one of several, such as `https://example.org/servers/a`",
        "; each has its own, and all share `storage.database` and `storage.data_dir`. Null: there is no other server",
    )
    lease: float = _setting(
        10.0,
        "time after which others take over the meetings of a server that does not answer; the same on all",
        bounds=(2, 300),
        unit="seconds",
    )


@dataclass(frozen=True, slots=True)
class Config:
    """Every setting, by section of config.yaml."""

    server: Server = field(default_factory=Server)
    storage: Storage = field(default_factory=Storage)
    models: Models = field(default_factory=Models)
    speech: Speech = field(default_factory=Speech)
    speakers: Speakers = field(default_factory=Speakers)
    notes: Notes = field(default_factory=Notes)
    limits: Limits = field(default_factory=Limits)
    webhooks: Webhooks = field(default_factory=Webhooks)
    cluster: Cluster = field(default_factory=Cluster)

    @property
    def pipeline(self) -> PipelineOptions:
        """The sections `speech` and `speakers` as a pipeline takes them."""
        return PipelineOptions(**asdict(self.speech), **asdict(self.speakers))


SECTIONS: dict[str, Any] = {section.name: section.default_factory for section in fields(Config)}
"""Section name -> its dataclass"""

SETTINGS: dict[Name, Setting] = {
    (section, spec.name): Setting((section, spec.name), str(spec.type), spec.default, spec.metadata["rule"])
    for section, kind in SECTIONS.items()
    for spec in fields(kind)
}
"""Every setting, in the order of config.yaml"""


def as_yaml_holds(value: Any) -> Any:
    """A setting's value in the types that YAML has."""
    if isinstance(value, tuple):
        return list(value)
    return str(value) if isinstance(value, Path) else value
