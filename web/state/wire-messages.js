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
 */

/**
 * @typedef {object} Speaker
 * @property {'speaker'} type
 * @property {string} id
 * @property {string | null} name
 * @property {number} color
 * @property {string | null} merged_into
 */

/** @typedef {{ type: 'gap', start: number, end: number, reason: string }} Gap */

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
 * @property {number} rtf
 * @property {number} asr_lag
 * @property {number} diarization_lag
 * @property {number} dropped_partials
 * @property {number} load
 * @property {string} left_out
 * @property {string | null} [language] code of what is spoken, as it was detected
 */

/** @typedef {{ type: 'error', code: string, message: string, fatal: boolean }} ErrorMessage */
/** @typedef {{ type: 'ended', segments: number }} Ended */

/**
 * @typedef {Ack | Earlier | Ended | ErrorMessage | Gap | Segment | Session | Snapshot | Speaker | SpeakerRevision
 *   | StateChange | Stats} ServerMessage
 */

export {}
