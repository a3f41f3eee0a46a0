"""The faults that `benchmarks.mutants` plants: what each breaks, and which tests are there to see it.

A change of the program that moves one of these texts fails a test; the row is then fitted to the new text, as long as
it still breaks what its name says.
"""

from __future__ import annotations

from benchmarks.mutants import Mutant

STORAGE = (
    Mutant(
        "ack-before-disk",
        "meeting/worker.py",
        "        self._append(frame)\n",
        "        self._tell(frame)\n        self._append(frame)\n",
        ("tests/test_worker.py", "tests/test_ingest.py"),
    ),
    Mutant(
        "ack-before-disk-while-recovering",
        "meeting/worker.py",
        "        self._append(job)\n",
        "        self._post(Kept(self._job.source_id, job.seq, self._sound.samples))\n        self._append(job)\n",
        ("tests/test_worker.py", "tests/test_recovery.py"),
    ),
    Mutant(
        "told-before-stored",
        "meeting/outputs.py",
        "return [SaveSegment(segment), *told]",
        "return [*told, SaveSegment(segment)]",
        ("tests/test_outputs.py", "tests/test_session.py"),
    ),
    Mutant(
        "store-not-waited-for",
        "meeting/room.py",
        "await self._keeper.save(effect)\n            elif",
        "asyncio.ensure_future(self._keeper.save(effect))\n            elif",
        ("tests/test_room.py",),
    ),
    Mutant(
        "source-speaks-before-it-is-stored",
        "meeting/room.py",
        "if not self._keeper.idle:",
        "if False:",
        (
            "tests/test_session.py",
            "tests/test_faults.py::test_nothing_is_acknowledged_before_a_later_process_would_find_it",
        ),
    ),
    Mutant(
        "no-fsync",
        "meeting/journal.py",
        "os.fsync(self._file.fileno())",
        "self._file.fileno()",
        ("tests/test_journal.py",),
    ),
    Mutant(
        "journal-crc-not-checked",
        "meeting/framing.py",
        "if crc not in (_crc(length, seq, value, payload), _crc_1(seq, value, payload)):",
        "if not payload and crc not in (_crc(length, seq, value, payload), _crc_1(seq, value, payload)):",
        ("tests/test_journal.py", "tests/test_framing.py"),
    ),
    Mutant(
        "journal-truncated-too-early",
        "meeting/journal.py",
        "            self._file.truncate(reader.end)\n",
        "            self._file.truncate(reader.end - 1)\n",
        ("tests/test_journal.py",),
    ),
    Mutant(
        "half-a-record-left-after-a-refusal",
        "meeting/journal.py",
        "self._file.truncate(self._end)\n                self._file.seek(self._end)\n",
        "pass\n",
        ("tests/test_journal.py",),
    ),
    Mutant(
        "journal-removed-though-not-all-is-stored",
        "meeting/room.py",
        "if not self._keeper.gave_up:",
        "if True:",
        ("tests/test_room.py", "tests/test_keeper.py"),
    ),
    Mutant(
        "delete-leaves-the-journal",
        "meeting/store.py",
        '.glob(f"{meeting_id}.*")',
        '.glob(f"{meeting_id}.*.flac")',
        ("tests/test_store.py", "tests/test_retention.py"),
    ),
    Mutant(
        "delete-leaves-the-sound",
        "meeting/store.py",
        "path.unlink(missing_ok=True)",
        'path.suffix == ".journal" and path.unlink(missing_ok=True)',
        ("tests/test_store.py", "tests/test_retention.py"),
    ),
    Mutant(
        "deleted-text-stays-in-free-pages",
        "meeting/database.py",
        "PRAGMA secure_delete=ON",
        "PRAGMA secure_delete=OFF",
        ("tests/test_store.py", "tests/test_retention.py", "tests/test_database.py"),
    ),
    Mutant(
        "deleted-text-stays-in-the-log-file",
        "meeting/database.py",
        "self._traces = self._traces or wipe",
        "pass",
        ("tests/test_store.py", "tests/test_retention.py", "tests/test_database.py"),
    ),
    Mutant(
        "retention-takes-live-meetings",
        "meeting/store.py",
        "MeetingRow.state.in_((OPEN, ENDED)), since < moment",
        "since < moment",
        ("tests/test_store.py", "tests/test_retention.py"),
    ),
    Mutant(
        "entered-while-it-is-being-deleted",
        "meeting/rooms.py",
        "if meeting_id in self._leaving or meeting_id in self._stale:",
        "if False:",
        ("tests/test_rooms.py", "tests/test_retention.py"),
    ),
    Mutant(
        "deleted-while-its-source-still-writes",
        "meeting/rooms.py",
        "if not await room.discard():",
        "room.task.cancel()\n                if False:",
        ("tests/test_rooms.py", "tests/test_retention.py"),
    ),
)
"""What is on disk: kept before it is told, and gone once it is deleted"""

ACCESS = (
    Mutant(
        "no-origin-check",
        "meeting/guard.py",
        "if changing and not",
        "if False and not",
        ("tests/test_guard.py",),
    ),
    Mutant(
        "origin-not-checked-on-sockets",
        "meeting/guard.py",
        'scope["type"] == "websocket" or scope["method"]',
        'scope["type"] != "websocket" and scope["method"]',
        ("tests/test_guard.py",),
    ),
    Mutant(
        "no-host-check",
        "meeting/guard.py",
        "known = self._hosts is None or",
        "known = True or",
        ("tests/test_guard.py",),
    ),
    Mutant(
        "body-not-counted",
        "meeting/guard.py",
        "if self._taken <= BODY_LIMIT:",
        "if True:",
        ("tests/test_guard.py",),
    ),
    Mutant(
        "link-opens-every-meeting",
        "meeting/access.py",
        "within = self.link is None or self.link.meeting_id == meeting_id",
        "within = True",
        ("tests/test_access.py",),
    ),
    Mutant(
        "readers-may-speak",
        "meeting/ingest.py",
        "case Start() if grant.role < Role.SPEAK:",
        "case Start() if grant.role < Role.VIEW:",
        ("tests/test_ingest.py", "tests/test_entry.py", "tests/test_routes.py"),
    ),
    Mutant(
        "role-not-compared",
        "meeting/access.py",
        "self.role >= role and within",
        "within",
        ("tests/test_access.py", "tests/test_routes.py"),
    ),
    Mutant(
        "token-compared-by-its-beginning",
        "meeting/access.py",
        "return hmac.compare_digest(digest(token), digest(given))",
        "return token.startswith(given)",
        ("tests/test_access.py", "tests/test_doorman.py"),
    ),
    Mutant(
        "expired-link-opens",
        "meeting/doorman.py",
        "if _left(link) <= 0:",
        "if False:",
        ("tests/test_doorman.py",),
    ),
    Mutant(
        "revoked-link-stays-in",
        "meeting/doorman.py",
        "        for leave in list(self._inside.get(link_id, ())):\n            leave()\n",
        "",
        ("tests/test_doorman.py",),
    ),
    Mutant(
        "any-proxy-believed",
        "meeting/forwarding.py",
        "peer is None or not self.trusts(peer[0])",
        "peer is None",
        ("tests/test_forwarding.py",),
    ),
    Mutant(
        "worthless-links-lock-out",
        "meeting/doorman.py",
        "self._links_tried if as_link else self._limiter",
        "self._limiter",
        ("tests/test_doorman.py",),
    ),
    Mutant(
        "guesses-not-counted",
        "meeting/doorman.py",
        "            limiter.failed(address, self._clock())\n",
        "            pass\n",
        ("tests/test_doorman.py",),
    ),
    Mutant(
        "resume-token-not-compared",
        "meeting/live.py",
        "return self.digest is not None and hmac.compare_digest(self.digest, digest(given.token))",
        "return self.digest is not None",
        ("tests/test_session.py",),
    ),
    Mutant(
        "readers-take-the-speakers-seats",
        "meeting/session.py",
        "(BENCH if role >= Role.SPEAK else 0)",
        "0",
        ("tests/test_session.py",),
    ),
    Mutant(
        "anyone-may-end-a-meeting",
        "meeting/session.py",
        "self._clients.get(client, Role.ANYONE) >= Role.HOST and",
        "",
        ("tests/test_session.py",),
    ),
    Mutant(
        "text-in-the-log",
        "meeting/outputs.py",
        "    changed = transcript.apply(output)\n    match output:",
        '    changed = transcript.apply(output)\n    __import__("logging").getLogger(__name__).info("%s", output)\n'
        "    match output:",
        ("tests/test_privacy.py",),
    ),
)
"""Who may do what, and what others may learn"""

AUDIO = (
    Mutant(
        "frame-out-of-order-accepted",
        "meeting/session.py",
        "if frame.seq > live.next_seq:",
        "if False:",
        ("tests/test_session.py",),
    ),
    Mutant(
        "frame-heard-twice",
        "meeting/session.py",
        "if deaf or frame.seq < live.next_seq:",
        "if deaf:",
        ("tests/test_session.py",),
    ),
    Mutant(
        "gate-never-released",
        "meeting/worker.py",
        "            if isinstance(job, AudioFrame):\n                self._done(len(job.payload))",
        "            pass",
        ("tests/test_worker.py",),
    ),
    Mutant(
        "gate-not-released-for-refused-audio",
        "meeting/room.py",
        "self._gate.leave(len(event.frame.payload))",
        "pass",
        ("tests/test_room.py", "tests/test_ingest.py"),
    ),
    Mutant(
        "no-overflow-for-deaf-readers",
        "meeting/outbox.py",
        "while len(self._waiting) > self._limit or self._size > self._most:",
        "while False:",
        ("tests/test_outbox.py",),
    ),
    Mutant(
        "bytes-for-readers-not-counted",
        "meeting/outbox.py",
        "while len(self._waiting) > self._limit or self._size > self._most:",
        "while len(self._waiting) > self._limit:",
        ("tests/test_outbox.py",),
    ),
    Mutant(
        "final-lines-shed-before-growing-ones",
        "meeting/outbox.py",
        "if item.droppable:",
        "if not item.droppable:",
        ("tests/test_outbox.py",),
    ),
    Mutant(
        "tail-not-flushed",
        "meeting/worker.py",
        "            for tail in self._sound.flush():\n",
        "            for tail in ():\n",
        ("tests/test_worker.py",),
    ),
    Mutant(
        "gap-not-told",
        "meeting/course.py",
        "return [SaveGap(gap), Broadcast(gap_message(gap))]",
        "return [SaveGap(gap)]",
        ("tests/test_course.py", "tests/test_session.py"),
    ),
    Mutant(
        "snapshot-without-gaps",
        "meeting/course.py",
        "gaps = tuple(gap_message(gap) for gap in self.gaps)",
        "gaps = ()",
        ("tests/test_course.py", "tests/test_session.py"),
    ),
    Mutant(
        "recogniser-always-raises",
        "pipelines/stream.py",
        "        self._progress.sent_slice(piece)\n        options = self._options\n",
        '        raise RuntimeError("planted")\n',
        ("tests/test_stream.py",),
    ),
    Mutant(
        "recogniser-always-raises-with-real-models",
        "pipelines/stream.py",
        "        index, span, final = piece.index, piece.span, piece.final\n",
        '        raise RuntimeError("planted")\n        index, span, final = piece.index, piece.span, piece.final\n',
        ("tests/test_faults.py::test_real_models_that_raise_cost_their_piece_only",),
    ),
    Mutant(
        "first-failure-ends-the-stream",
        "pipelines/stream.py",
        "        return item.convert(item.future.result())\n    except Exception as error:",
        "        return item.convert(item.future.result())\n    except KeyError as error:",
        ("tests/test_stream.py",),
    ),
    Mutant(
        "recovery-without-what-is-on-disk",
        "meeting/worker.py",
        "if not self._sound.full:",
        "if False:",
        ("tests/test_worker.py", "tests/test_recovery.py"),
    ),
)
"""Everything heard is kept, once, in order"""

TEXT = (
    Mutant(
        "margin-ignored",
        "pipelines/speakers.py",
        "nearest + margin <= others",
        "nearest <= others",
        ("tests/test_speakers.py",),
    ),
    Mutant(
        "unknown-made-certain",
        "pipelines/speakers.py",
        "if nearest <= self._options.thresholds.known and",
        "if",
        ("tests/test_speakers.py",),
    ),
    Mutant(
        "short-noise-becomes-a-speaker",
        "pipelines/cluster.py",
        "if seconds >= min_speech}",
        "if seconds >= 0}",
        ("tests/test_cluster.py", "tests/test_speakers.py"),
    ),
    Mutant(
        "old-revision-replaces-a-new-one",
        "meeting/transcript.py",
        "if segment.rev <= self._revs.get(segment.id, -1):",
        "if False:",
        ("tests/test_transcript.py",),
    ),
    Mutant(
        "edits-overwritten-by-relabelling",
        "meeting/edits.py",
        "changes += [] if change.id in self.edits.lines else [change]",
        "changes += [change]",
        ("tests/test_edits.py",),
    ),
    Mutant(
        "lines-of-any-length-written",
        "meeting/edits.py",
        "if len(written) > MOST_WORDS:",
        "if False:",
        ("tests/test_edits.py",),
    ),
    Mutant(
        "edit-of-an-old-line-accepted",
        "meeting/edits.py",
        "if change.rev != shown.rev:",
        "if False:",
        ("tests/test_edits.py",),
    ),
    Mutant(
        "export-without-speakers",
        "meeting/export.py",
        "return _clean(record.speaker_name(speaker)) or speaker or UNKNOWN",
        "return UNKNOWN",
        ("tests/test_export.py",),
    ),
    Mutant(
        "implausible-readings-shown",
        "pipelines/asr.py",
        "return doubt(heard, samples) is None",
        "return True",
        ("tests/test_asr.py", "tests/test_no_invention.py"),
    ),
)
"""Honest words and labels"""

MUTANTS = (*STORAGE, *ACCESS, *AUDIO, *TEXT)
"""All faults"""
