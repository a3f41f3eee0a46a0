// What the server sends, as types; docs/protocol.md says what each field means. Nothing of this is run.

/** @typedef {'connecting' | 'open' | 'live' | 'ending' | 'ended'} Phase  `connecting` until the server has told */
/** @typedef {{ text: string, start: number, end: number, confidence: number | null }} Word */

/**
 * @typedef {object} Models
 * @property {string} [speech]
 * @property {string} [segmentation]
 * @property {string} [embedding]
 * @property {string} [device]
 * @property {string[] | null} [languages]
 * @property {string} [why]
 */

/**
 * @typedef {object} Segment
 * @property {'segment'} type
 * @property {string} id
 * @property {number} rev
 * @property {boolean} final
 * @property {string} source_id
 * @property {number} start seconds
 * @property {number} end seconds
 * @property {string | null} speaker
 * @property {string} text
 * @property {number} stable_chars
 * @property {Word[]} words
 * @property {boolean} [overlap]
 * @property {boolean} [pause]
 */

/**
 * @typedef {object} Speaker
 * @property {'speaker'} type
 * @property {string} id
 * @property {string | null} name
 * @property {number} color
 * @property {string | null} merged_into
 * @property {boolean} [recognized] whether the name is that of a voice that is kept, and nobody has confirmed it
 */

/** @typedef {{ type: 'gap', start: number, end: number, reason: string, source_id?: string }} Gap */

/**
 * A source of the meeting's sound.
 *
 * @typedef {object} SourceMessage
 * @property {'source'} type
 * @property {string} id
 * @property {string} name
 * @property {string} kind `solo` or `room`
 * @property {number} number from 1, in the order in which they came
 * @property {'live' | 'away' | 'ending' | 'ended'} state away: its connection is lost, and it is waited for; ending: no
 *   more is heard of it, and its last words are still to come
 * @property {boolean} muted by a host
 */

/**
 * @typedef {object} Snapshot
 * @property {'snapshot'} type
 * @property {Segment[]} segments
 * @property {Speaker[]} speakers
 * @property {Phase} state
 * @property {string} [title]
 * @property {number} [audio] seconds
 * @property {Models} [models]
 * @property {Gap[]} [gaps]
 * @property {SourceMessage[]} [sources]
 * @property {number} [earlier]
 */

/** @typedef {{ type: 'earlier', segments: Segment[], left: number }} Earlier */

/**
 * @typedef {object} Session
 * @property {'session'} type
 * @property {string} meeting_id
 * @property {string} source_id
 * @property {string} resume_token
 * @property {number} next_seq
 * @property {Models} [models]
 */

/** @typedef {{ type: 'ack', seq: number, audio: number }} Ack */
/** @typedef {{ id: string, rev: number, from: string | null, to: string | null }} LabelChange */
/** @typedef {{ type: 'speaker_revision', changes: LabelChange[], reason: string }} SpeakerRevision */
/** @typedef {{ type: 'state', state: Phase, title?: string }} StateChange */

/**
 * @typedef {object} Stats
 * @property {'stats'} type
 * @property {string} [source_id]
 * @property {number | null} [level] of the last second, in decibels below full scale; null where there was no sound
 * @property {number} rtf
 * @property {number} asr_lag
 * @property {number} diarization_lag
 * @property {number} dropped_partials
 * @property {number} load
 * @property {string} left_out
 * @property {boolean} [models_answer] false while models on other machines do not answer
 * @property {string | null} [language] code of what is spoken, as it was detected
 */

/** @typedef {{ type: 'error', code: string, message: string, fatal: boolean }} ErrorMessage */
/** @typedef {{ type: 'moved', address: string | null, wait: number }} Moved the meeting is at another server */
/** @typedef {{ type: 'alive', every: number }} Alive  a message comes at least every so many seconds from now on */
/** @typedef {{ type: 'ended', segments: number }} Ended */

/**
 * @typedef {Ack | Alive | Earlier | Ended | ErrorMessage | Gap | Moved | Segment | Session | Snapshot | SourceMessage
 *   | Speaker | SpeakerRevision | StateChange | Stats} ServerMessage
 */

/**
 * One sentence of a meeting's notes.
 *
 * @typedef {object} Statement
 * @property {string} text
 * @property {{ id: string, start: number }[]} lines that it rests on; start in seconds
 * @property {boolean} doubtful
 * @property {string | null} [who] of an action
 * @property {string | null} [when]
 */

/**
 * @typedef {object} MadeNotes
 * @property {string} model
 * @property {string} host to which the transcript was sent
 * @property {string} made_at
 * @property {boolean} incomplete
 * @property {Statement[]} summary
 * @property {Statement[]} decisions
 * @property {Statement[]} actions
 */

/** @typedef {{ host: string, model: string, local: boolean, encrypted: boolean }} Endpoint  of a language model */

/**
 * A meeting's notes as the HTTP API tells them.
 *
 * @typedef {object} NotesFacts
 * @property {Endpoint | null} endpoint to which the transcript would be sent; null where notes are off
 * @property {'running' | 'done' | 'failed' | null} state
 * @property {string | null} problem
 * @property {{ done: number, parts: number } | null} progress
 * @property {MadeNotes | null} notes the last that were finished
 * @property {boolean} outdated
 */

/**
 * How much one speaker has said.
 *
 * @typedef {object} SpeakerStatistics
 * @property {string | null} speaker id; null for all that nobody is known to have said
 * @property {number} seconds talk time
 * @property {number} share of the talk time of all, from 0 to 1
 * @property {number} turns
 * @property {number} words
 * @property {number} words_per_minute
 */

/**
 * How the time of a meeting was spent, in seconds.
 *
 * @typedef {object} Statistics
 * @property {number} duration
 * @property {number} talk_time of all speakers
 * @property {number} overlap
 * @property {number} silence
 * @property {number} missing
 * @property {SpeakerStatistics[]} speakers who said most comes first
 */

export {}
